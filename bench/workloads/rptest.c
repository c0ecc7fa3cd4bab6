// SPDX-License-Identifier: MIT
//
// Sizes from tiny to large, and objects that the next thread frees. Idea: M. Jansson's
// rpmalloc-benchmark (2017), known in mimalloc-bench as rptest.
//
// A thread replaces objects in its slots, in a scattered order, and after each loop allocates a
// list of objects that it leaves to the next thread, which frees them.
//
// Stresses medium and large classes, which caches for small objects do not serve, and frees across
// threads in lists. Differs from the original: fixed work, one distribution of sizes (the cube of a
// uniform number: small ones most often), and one object in 256 of up to 16 times the largest size.
// The result is operations for each second of wall, not of CPU, time.
//
//   rptest [threads loops operations slots min_bytes max_bytes]
//
// `operations` (replacements) in each loop; a tenth as many objects are left to the next thread.

#include "common/mailbox.h"
#include "common/object.h"

enum { CROSS_DIVISOR = 10, LARGE_ONE_IN = 256, LARGE_TIMES = 16 };

// Objects on their way to another thread.
struct parcel {
    struct letter letter;
    uint32_t count;
    void *objects[];
};

struct test {
    unsigned thread_count;
    uint64_t loop_count;
    uint32_t operation_count;
    uint32_t slot_count;
    uint32_t min_bytes;
    uint32_t range_bytes;
    void **slots;
    struct mailbox *boxes;
};

static void *
random_object(const struct test *test, uint64_t bits)
{
    uint32_t u = (uint32_t)bits;
    uint32_t cube = bench_scale(u, bench_scale(u, u));
    uint32_t bytes = test->min_bytes + bench_scale(cube, test->range_bytes);

    if ((bits >> 32) % LARGE_ONE_IN == 0) {
        bytes *= LARGE_TIMES;
    }
    return object_new(bytes);
}

static struct parcel *
pack_parcel(const struct test *test, struct bench_random *random)
{
    uint32_t count = test->operation_count / CROSS_DIVISOR;
    struct parcel *parcel = bench_alloc(sizeof *parcel + count * sizeof(void *));

    parcel->count = count;
    for (uint32_t i = 0; i < count; i++) {
        parcel->objects[i] = random_object(test, bench_random_next(random));
    }
    return parcel;
}

static void
open_parcel(struct letter *letter)
{
    struct parcel *parcel = (struct parcel *)letter;

    for (uint32_t i = 0; i < parcel->count; i++) {
        object_free(parcel->objects[i]);
    }
    free(parcel);
}

static void
work(void *context, unsigned index)
{
    struct test *test = context;
    struct mailbox *own = &test->boxes[index];
    struct mailbox *to = &test->boxes[(index + 1) % test->thread_count];
    void **slots = test->slots + (size_t)index * test->slot_count;
    struct bench_random random;

    bench_random_start(&random, index);
    for (uint64_t loop = 0; loop < test->loop_count; loop++) {
        for (uint32_t i = 0; i < test->operation_count; i++) {
            uint64_t bits = bench_random_next(&random);
            void **slot = &slots[bench_scale((uint32_t)(bits >> 24), test->slot_count)];
            if (*slot != NULL) {
                object_free(*slot);
            }
            *slot = random_object(test, bits * UINT64_C(0x9e3779b97f4a7c15));
        }
        mailbox_put(to, &pack_parcel(test, &random)->letter);
        mailbox_end_round(own);
        do {
            mailbox_empty(own, open_parcel);
        } while (!mailbox_in_step(own, to));
    }
    object_free_all(slots, test->slot_count);
}

int
main(int argc, char **argv)
{
    struct test test = {
        .thread_count = (unsigned)bench_argument(argc, argv, 1, 2, 1),
        .loop_count = bench_argument(argc, argv, 2, 2000, 1),
        .operation_count = (uint32_t)bench_argument(argc, argv, 3, 1000, CROSS_DIVISOR),
        .slot_count = (uint32_t)bench_argument(argc, argv, 4, 1000, 1),
        .min_bytes = (uint32_t)bench_argument(argc, argv, 5, 8, OBJECT_MIN_BYTES),
    };
    test.range_bytes =
        (uint32_t)bench_argument(argc, argv, 6, 64000, test.min_bytes) - test.min_bytes + 1;
    test.slots = bench_map((size_t)test.thread_count * test.slot_count * sizeof(void *));
    test.boxes = bench_map(test.thread_count * sizeof *test.boxes);

    uint64_t elapsed_ns = bench_parallel(test.thread_count, work, &test);
    for (unsigned i = 0; i < test.thread_count; i++) {
        mailbox_empty(&test.boxes[i], open_parcel);
    }
    double each_loop =
        (double)test.operation_count + (double)(test.operation_count / CROSS_DIVISOR);
    double operations = (double)test.thread_count * (double)test.loop_count * each_loop;
    bench_metric("throughput", operations * 1e3 / (double)elapsed_ns, "Mops/s", true);
    return 0;
}
