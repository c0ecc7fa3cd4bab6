// SPDX-License-Identifier: MIT
//
// One half of the threads only allocates, the other only frees. Idea: C. Lever and D. Boreham,
// "malloc() Performance in a Multithreaded Linux Environment", USENIX 2000, whose second test
// became known as xmalloc-test.
//
// Producers fill batches, allocated as well, with objects and hand them to consumers through one
// bounded queue; consumers free objects and batch.
//
// Stresses frees across threads and nothing else: no object is ever freed where it was allocated.
// Differs from the original: fixed work rather than fixed time, and a queue with a bound, so that
// memory does not depend on who gets the processor.
//
//   xmalloc [producers batches objects size_bytes queued]
//
// `batches` for each producer, `objects` in each batch; as many consumers as producers. size_bytes
// 0: a mix of sizes up to 1024 bytes, small ones most often.

#include "common/object.h"
#include "common/queue.h"

struct test {
    unsigned producer_count;
    uint64_t batch_count;
    uint32_t object_count;
    uint32_t size_bytes;
    struct queue queue;
};

struct batch {
    uint32_t object_count;
    void *objects[];
};

enum { SIZE_STEPS = 7 };

static void
produce(struct test *test, struct bench_random *random)
{
    struct batch *batch = bench_alloc(sizeof *batch + test->object_count * sizeof(void *));

    batch->object_count = test->object_count;
    for (uint32_t i = 0; i < test->object_count; i++) {
        uint32_t bytes = test->size_bytes;
        if (bytes == 0) {
            bytes = object_falling_bytes((uint32_t)bench_random_next(random), SIZE_STEPS);
        }
        batch->objects[i] = object_new(bytes);
    }
    queue_put(&test->queue, batch);
}

static void
consume(struct test *test)
{
    for (;;) {
        struct batch *batch = queue_get(&test->queue);
        if (batch == NULL) {
            return;
        }
        for (uint32_t i = 0; i < batch->object_count; i++) {
            object_free(batch->objects[i]);
        }
        free(batch);
    }
}

static void
work(void *context, unsigned index)
{
    struct test *test = context;
    struct bench_random random;

    if (index >= test->producer_count) {
        consume(test);
        return;
    }
    bench_random_start(&random, index);
    for (uint64_t i = 0; i < test->batch_count; i++) {
        produce(test, &random);
    }
    queue_close(&test->queue);
}

int
main(int argc, char **argv)
{
    struct test test = {
        .producer_count = (unsigned)bench_argument(argc, argv, 1, 1, 1),
        .batch_count = bench_argument(argc, argv, 2, 4000, 1),
        .object_count = (uint32_t)bench_argument(argc, argv, 3, 4096, 1),
        .size_bytes = (uint32_t)bench_argument(argc, argv, 4, 64, 0),
    };
    if (test.size_bytes != 0 && test.size_bytes < OBJECT_MIN_BYTES) {
        test.size_bytes = OBJECT_MIN_BYTES;
    }
    queue_start(&test.queue, bench_argument(argc, argv, 5, 8, 1), test.producer_count);
    uint64_t elapsed_ns = bench_parallel(2 * test.producer_count, work, &test);
    double frees =
        (double)test.producer_count * (double)test.batch_count * (double)test.object_count;
    bench_metric("throughput", frees * 1e3 / (double)elapsed_ns, "Mfrees/s", true);
    return 0;
}
