// SPDX-License-Identifier: MIT
//
// malloc_usable_size of objects in a small working set, over and over: how an allocator finds what
// it knows about an address, which every free has to do as well.
//
// Idea: databases that account for memory by asking the allocator at each allocation (redis does).
//
//   usable MIN MAX COUNT

#include "common/choice.h"
#include "common/object.h"

#include <malloc.h>

#define OBJECT_COUNT 1024u // a power of two

int
main(int argc, char **argv)
{
    size_t min = bench_argument(argc, argv, 1, 16, OBJECT_MIN_BYTES);
    size_t max = bench_argument(argc, argv, 2, 512, min);
    uint64_t count = bench_argument(argc, argv, 3, 200000000, 1);
    void **objects = bench_map(OBJECT_COUNT * sizeof *objects);
    struct bench_random random;
    uint64_t sum = 0;

    bench_random_start(&random, 1);
    for (unsigned i = 0; i < OBJECT_COUNT; i++) {
        size_t bytes = choose_size(&random, min, max);
        objects[i] = object_new(bytes);
        if (malloc_usable_size(objects[i]) < bytes) {
            bench_die("malloc_usable_size is less than what was asked for");
        }
    }
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        sum += malloc_usable_size(objects[i % OBJECT_COUNT]);
    }
    uint64_t time_ns = bench_now_ns() - begin_ns;
    if (sum < min * count) {
        bench_die("malloc_usable_size is less than before");
    }
    bench_metric("time", (double)time_ns / (double)count, "ns", false);
    return 0;
}
