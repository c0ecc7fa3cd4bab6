// SPDX-License-Identifier: MIT
//
// Threads that live for a moment. Idea: M. Deneys' mleak, in mimalloc-bench, written to find
// allocators that lose memory when threads end.
//
// In each round a few threads start together, allocate some small objects, free them, and end. The
// first of them leaves its objects to the main thread.
//
// Stresses what a thread costs an allocator: its heap at the start, handing it back at the end.
// What is lost shows as resident memory that grows with the rounds. Differs from the original: more
// objects, and some that outlive their thread.
//
//   mleak [threads rounds objects]

#include "common/object.h"

enum { SIZE_STEPS = 6 };

struct test {
    uint32_t object_count;
    void **left;
};

static void
work(void *context, unsigned index)
{
    struct test *test = context;
    void *own[64];
    uint32_t kept = 0;
    struct bench_random random;

    bench_random_start(&random, index);
    for (uint32_t i = 0; i < test->object_count; i++) {
        void *object =
            object_new(object_falling_bytes((uint32_t)bench_random_next(&random), SIZE_STEPS));
        if (index == 0) {
            test->left[i] = object;
            continue;
        }
        own[kept++] = object;
        if (kept == sizeof own / sizeof *own) {
            object_free(own[--kept]);
        }
    }
    while (kept != 0) {
        object_free(own[--kept]);
    }
}

int
main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 10, 1);
    uint64_t rounds = bench_argument(argc, argv, 2, 500, 1);
    struct test test = {.object_count = (uint32_t)bench_argument(argc, argv, 3, 100, 1)};

    test.left = bench_map(test.object_count * sizeof *test.left);
    for (uint64_t round = 0; round < rounds; round++) {
        bench_parallel(threads, work, &test);
        for (uint32_t i = 0; i < test.object_count; i++) {
            object_free(test.left[i]);
        }
    }
    return 0;
}
