// SPDX-License-Identifier: MIT
//
// Large objects replaced at random, every byte of them written: what rounding up, free ranges
// between them, and caches of large objects cost. Metrics: `mean` and `peak` of RSS divided by live
// bytes, taken twenty times while the objects change.
//
// Idea: malloc-large of mimalloc-bench (Leijen, 2019) measures the time of such a load; this is its
// memory.
//
//   large SLOTS MIN MAX REPLACEMENTS

#include "common/choice.h"
#include "common/filled.h"

#define SAMPLES 20u

struct large {
    size_t slots;
    size_t min;
    size_t max;
    void **objects;
    size_t *sizes;
    double live_bytes;
    struct bench_random random;
};

static void
put(struct large *large, size_t slot, size_t bytes)
{
    large->objects[slot] = filled_new(bytes);
    large->sizes[slot] = bytes;
    large->live_bytes += (double)bytes;
}

static void
replace(struct large *large, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct choice next = choose(&large->random, large->slots, large->min, large->max);
        object_free(large->objects[next.slot]);
        large->live_bytes -= (double)large->sizes[next.slot];
        put(large, next.slot, next.bytes);
    }
}

int
main(int argc, char **argv)
{
    struct large large = {.slots = bench_argument(argc, argv, 1, 64, 1)};
    double sum = 0;
    double peak = 0;

    large.min = bench_argument(argc, argv, 2, 64 << 10, OBJECT_MIN_BYTES);
    large.max = bench_argument(argc, argv, 3, 2 << 20, large.min);
    uint64_t replacements = bench_argument(argc, argv, 4, 2000, SAMPLES);
    large.objects = bench_map(large.slots * sizeof *large.objects);
    large.sizes = bench_map(large.slots * sizeof *large.sizes);
    bench_random_start(&large.random, 1);
    size_t base_bytes = bench_rss_bytes();
    for (size_t i = 0; i < large.slots; i++) {
        put(&large, i, choose_size(&large.random, large.min, large.max));
    }
    for (unsigned i = 0; i < SAMPLES; i++) {
        replace(&large, replacements / SAMPLES);
        double ratio = filled_rss_above(base_bytes) / large.live_bytes;
        sum += ratio;
        peak = ratio > peak ? ratio : peak;
    }
    bench_metric("mean", sum / SAMPLES, "ratio", false);
    bench_metric("peak", peak, "ratio", false);
    return 0;
}
