// SPDX-License-Identifier: MIT
//
// Batches of mixed sizes, freed in several orders. Idea: MicroQuill's sh6bench and sh8bench, made
// to show SmartHeap (about 1996), as the papers on allocators describe them.
//
// A batch holds many small and few larger objects. One third of it is freed last in, first out; one
// third first in, first out; one third stays until later batches have come. With one thread
// (sh6bench) the rest is freed by the thread itself; with several (sh8bench) it goes to the next
// thread in a ring, which frees it.
//
// Stresses the order of free lists, and with threads frees across them. Written without knowledge
// of the original's text: sizes, numbers and the share of each order are ours, and sh6bench runs on
// one thread only.
//
//   shbench [threads batches objects max_bytes]
//
// `batches` for each thread, about `objects` in each.

#include "common/mailbox.h"
#include "common/object.h"

enum { KEPT_BATCHES = 4 };

struct batch {
    struct letter letter;
    uint32_t object_count;
    void *objects[];
};

struct test {
    unsigned thread_count;
    uint64_t batch_count;
    uint32_t object_count;
    uint32_t max_bytes;
    struct mailbox *boxes;
};

// Up to 135 bytes; each eighth object four times, each 64th eight times that.
static uint32_t
next_bytes(uint32_t i, uint32_t max_bytes)
{
    uint32_t bytes = OBJECT_MIN_BYTES + (i * 7 & 127);

    if (i % 8 == 0) {
        bytes *= 4;
    }
    if (i % 64 == 0) {
        bytes *= 2;
    }
    return bytes < max_bytes ? bytes : max_bytes;
}

static struct batch *
batch_new(const struct test *test, uint32_t seed)
{
    struct batch *batch = bench_alloc(sizeof *batch + test->object_count * sizeof(void *));

    batch->object_count = test->object_count;
    for (uint32_t i = 0; i < test->object_count; i++) {
        batch->objects[i] = object_new(next_bytes(seed + i, test->max_bytes));
    }
    return batch;
}

// Frees two thirds, and leaves the rest at the front.
static void
batch_thin(struct batch *batch)
{
    uint32_t third = batch->object_count / 3;

    for (uint32_t i = batch->object_count; i > 2 * third; i--) {
        object_free(batch->objects[i - 1]);
    }
    for (uint32_t i = third; i < 2 * third; i++) {
        object_free(batch->objects[i]);
    }
    batch->object_count = third;
}

// Those at even places from the front, then the others from the back.
static void
batch_end(struct batch *batch)
{
    uint32_t i = 0;

    for (; i < batch->object_count; i += 2) {
        object_free(batch->objects[i]);
    }
    for (i = batch->object_count & ~1u; i >= 2; i -= 2) {
        object_free(batch->objects[i - 1]);
    }
    free(batch);
}

static void
end_letter(struct letter *letter)
{
    batch_end((struct batch *)letter);
}

static void
work(void *context, unsigned index)
{
    struct test *test = context;
    struct mailbox *own = &test->boxes[index];
    struct mailbox *to = &test->boxes[(index + 1) % test->thread_count];

    for (uint64_t i = 0; i < test->batch_count; i++) {
        struct batch *batch = batch_new(test, (uint32_t)i * 131);
        batch_thin(batch);
        mailbox_put(to, &batch->letter);
        mailbox_end_round(own);
        while (!mailbox_in_step(own, to)) {
            mailbox_empty(own, end_letter);
        }
        if (i % KEPT_BATCHES == KEPT_BATCHES - 1) {
            mailbox_empty(own, end_letter);
        }
    }
}

int
main(int argc, char **argv)
{
    struct test test = {
        .thread_count = (unsigned)bench_argument(argc, argv, 1, 1, 1),
        .batch_count = bench_argument(argc, argv, 2, 10000, 1),
        .object_count = (uint32_t)bench_argument(argc, argv, 3, 3000, 3),
        .max_bytes = (uint32_t)bench_argument(argc, argv, 4, 1000, OBJECT_MIN_BYTES),
    };

    test.boxes = bench_map(test.thread_count * sizeof *test.boxes);
    bench_parallel(test.thread_count, work, &test);
    for (unsigned i = 0; i < test.thread_count; i++) {
        mailbox_empty(&test.boxes[i], end_letter);
    }
    return 0;
}
