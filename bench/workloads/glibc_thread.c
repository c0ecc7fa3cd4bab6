// SPDX-License-Identifier: MIT
//
// Each thread replaces objects in a working set of its own. Idea: W. Newton's bench-malloc-thread
// in glibc (2013).
//
// 1024 objects for each thread; a random one is replaced by one of random size, small sizes far
// more often: the chance of a size falls with the square root of its cube.
//
// Stresses the caches of threads, and locks where there are any, without any memory shared. Differs
// from the original: fixed work rather than ten seconds, and sizes drawn before the timing.
//
//   glibc_thread [threads replacements objects max_bytes]
//
// `replacements` and `objects` for each thread; sizes from 16 bytes up to max_bytes.

#include "common/object.h"

#include <math.h>

enum { SIZES = 1 << 13, MIN_BYTES = 16 };

struct test {
    uint64_t replacement_count;
    uint32_t object_count;
    void **objects;
    uint32_t sizes_bytes[SIZES];
};

// Inverts the distribution's cumulative function: x = (a^-1/2 - u (a^-1/2 - b^-1/2))^-2.
static void
sizes_prepare(struct test *test, double max_bytes)
{
    double from = 1 / sqrt(MIN_BYTES);
    double to = 1 / sqrt(max_bytes);

    for (uint32_t i = 0; i < SIZES; i++) {
        double root = from - (i + 0.5) / SIZES * (from - to);
        test->sizes_bytes[i] = (uint32_t)(1 / (root * root));
    }
}

static void
work(void *context, unsigned index)
{
    struct test *test = context;
    void **objects = test->objects + (size_t)index * test->object_count;
    struct bench_random random;

    bench_random_start(&random, index);
    for (uint64_t i = 0; i < test->replacement_count; i++) {
        uint64_t bits = bench_random_next(&random);
        void **slot = &objects[bench_scale((uint32_t)bits, test->object_count)];
        if (*slot != NULL) {
            object_free(*slot);
        }
        *slot = object_new(test->sizes_bytes[(bits >> 32) % SIZES]);
    }
    object_free_all(objects, test->object_count);
}

int
main(int argc, char **argv)
{
    struct test *test = bench_map(sizeof *test);
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 2, 1);

    test->replacement_count = bench_argument(argc, argv, 2, 40000000, 1);
    test->object_count = (uint32_t)bench_argument(argc, argv, 3, 1024, 1);
    sizes_prepare(test, (double)bench_argument(argc, argv, 4, 32768, MIN_BYTES + 1));
    test->objects = bench_map((size_t)threads * test->object_count * sizeof(void *));
    uint64_t elapsed_ns = bench_parallel(threads, work, test);
    double operations = (double)threads * (double)test->replacement_count;
    bench_metric("throughput", operations * 1e3 / (double)elapsed_ns, "Mops/s", true);
    return 0;
}
