// SPDX-License-Identifier: MIT
//
// Objects of many MiB. Idea: D. Leijen's malloc-large in mimalloc-bench (2023), made after a
// report of slow large allocations.
//
// Twenty objects of 5 to 25 MiB are live; again and again a random one is replaced by one of random
// size, and each page of it is written.
//
// Stresses what an allocator does with large memory: an allocator that gives it back to the kernel
// at each free takes every page anew. Differs from the original: one byte of each page is written
// rather than all, so that page faults are what remains.
//
//   malloc_large [replacements objects min_mib max_mib]

#include "common/object.h"

#define MIB (UINT64_C(1) << 20)

enum { PAGE_BYTES = 4096 };

static void *
large_new(size_t bytes)
{
    volatile uint8_t *object = object_new(bytes);

    for (size_t at = PAGE_BYTES; at < bytes; at += PAGE_BYTES) {
        object[at] = 1;
    }
    return (void *)(uintptr_t)object;
}

int
main(int argc, char **argv)
{
    uint64_t replacements = bench_argument(argc, argv, 1, 1000, 1);
    uint32_t count = (uint32_t)bench_argument(argc, argv, 2, 20, 1);
    uint64_t min_bytes = bench_argument(argc, argv, 3, 5, 1) * MIB;
    uint64_t range_bytes = bench_argument(argc, argv, 4, 25, 1) * MIB + 1 - min_bytes;
    void **objects = bench_map(count * sizeof *objects);
    struct bench_random random;

    bench_random_start(&random, 1);
    for (uint64_t i = 0; i < replacements; i++) {
        void **slot = &objects[bench_random_below(&random, count)];
        if (*slot != NULL) {
            object_free(*slot);
        }
        *slot = large_new(min_bytes + bench_random_below(&random, range_bytes));
    }
    object_free_all(objects, count);
    return 0;
}
