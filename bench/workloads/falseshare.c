// SPDX-License-Identifier: MIT
//
// Do objects of different threads share cache lines? Idea: E. Berger, cache-thrash and
// cache-scratch, from the work on Hoard (ASPLOS 2000).
//
// Each thread allocates a small object, writes it often, frees it, and so on. In cache-thrash that
// is all: an allocator that deals one cache line to several threads is slow (active false sharing).
// In cache-scratch the main thread first allocates an object for each thread, side by side, and
// each thread frees its own before it starts: an allocator that hands that memory out again to the
// thread that freed it keeps a line shared that it did not have to (passive false sharing).
//
// Stresses placement, hardly speed: the time is that of the writes. Differs from the originals in
// nothing but numbers, and in that the work is divided among the threads.
//
//   falseshare [threads passive objects writes size_bytes]
//
// `passive` 1 is cache-scratch, 0 cache-thrash; `objects` for all threads together.

#include "common/object.h"

struct test {
    void **first;
    uint64_t object_count;
    uint64_t write_count;
    size_t size_bytes;
};

static void
work(void *context, unsigned index)
{
    struct test *test = context;

    if (test->first[index] != NULL) {
        object_free(test->first[index]);
    }
    for (uint64_t i = 0; i < test->object_count; i++) {
        volatile uint8_t *object = malloc(test->size_bytes);
        if (object == NULL) {
            bench_die("malloc");
        }
        for (size_t k = 0; k < test->size_bytes; k++) {
            object[k] = (uint8_t)k;
        }
        for (uint64_t round = 0; round < test->write_count; round++) {
            for (size_t k = 0; k < test->size_bytes; k++) {
                object[k]++;
            }
        }
        for (size_t k = 0; k < test->size_bytes; k++) {
            if (object[k] != (uint8_t)(k + test->write_count)) {
                bench_die("an object changed under its owner's hands");
            }
        }
        free((void *)(uintptr_t)object);
    }
}

int
main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 2, 1);
    bool passive = bench_argument(argc, argv, 2, 0, 0) != 0;
    struct test test = {
        .first = bench_map(threads * sizeof(void *)),
        .object_count = bench_argument(argc, argv, 3, 4000, threads) / threads,
        .write_count = bench_argument(argc, argv, 4, 20000, 1),
        .size_bytes = bench_argument(argc, argv, 5, 8, OBJECT_MIN_BYTES),
    };

    for (unsigned i = 0; passive && i < threads; i++) {
        test.first[i] = object_new(test.size_bytes);
    }
    bench_parallel(threads, work, &test);
    return 0;
}
