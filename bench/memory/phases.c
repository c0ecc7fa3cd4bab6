// SPDX-License-Identifier: MIT
//
// Fragmentation by change of phase: the heap is filled with sizes of one range, four of five
// objects are freed at random, it is filled again with sizes of another range, and so on. What the
// survivors of earlier phases hold back is seen in RSS divided by the bytes that live, when the
// heap is full: the metrics phase-1 to phase-6. `freed` is the same quotient at the end, when a
// fifth of the last filling is left.
//
// Idea: the phases that Wilson, Johnstone, Neely and Boles found in programs ("Dynamic storage
// allocation: a survey and critical review", 1995), and that fixed size classes suffer from.
//
//   phases LIVE_BYTES

#include "common/choice.h"
#include "common/filled.h"

#include <stdio.h>

#define KEEP_ONE_OF 5u
#define PHASES 6u
#define LEAST_MEAN_BYTES 24u // survivors included, objects are larger on average

struct range {
    size_t min;
    size_t max;
};

static const struct range ranges[PHASES] = {
    {16, 64}, {256, 2048}, {48, 192}, {4096, 32768}, {24, 128}, {1024, 8192},
};

struct heap {
    void **objects;
    uint32_t *sizes;
    size_t count;
    size_t room;
    size_t live_bytes;
    size_t base_bytes;
    struct bench_random random;
};

static void
fill(struct heap *heap, const struct range *range, size_t full_bytes)
{
    while (heap->live_bytes < full_bytes && heap->count < heap->room) {
        size_t bytes = choose_size(&heap->random, range->min, range->max);
        heap->objects[heap->count] = filled_new(bytes);
        heap->sizes[heap->count++] = (uint32_t)bytes;
        heap->live_bytes += bytes;
    }
}

static void
thin_out(struct heap *heap)
{
    size_t kept = 0;

    for (size_t i = 0; i < heap->count; i++) {
        if (bench_random_below(&heap->random, KEEP_ONE_OF) == 0) {
            heap->objects[kept] = heap->objects[i];
            heap->sizes[kept++] = heap->sizes[i];
        } else {
            object_free(heap->objects[i]);
            heap->live_bytes -= heap->sizes[i];
        }
    }
    heap->count = kept;
}

static double
ratio(const struct heap *heap)
{
    return filled_rss_above(heap->base_bytes) / (double)heap->live_bytes;
}

int
main(int argc, char **argv)
{
    size_t full_bytes = bench_argument(argc, argv, 1, 64 << 20, 1 << 20);
    struct heap heap = {.room = full_bytes / LEAST_MEAN_BYTES};
    double ratios[PHASES];

    heap.objects = bench_map(heap.room * sizeof *heap.objects);
    heap.sizes = bench_map(heap.room * sizeof *heap.sizes);
    bench_random_start(&heap.random, 1);
    heap.base_bytes = bench_rss_bytes();
    for (unsigned i = 0; i < PHASES; i++) {
        fill(&heap, &ranges[i], full_bytes);
        ratios[i] = ratio(&heap);
        thin_out(&heap);
    }
    double freed = ratio(&heap);
    for (unsigned i = 0; i < PHASES; i++) {
        char name[32];
        snprintf(name, sizeof name, "phase-%u", i + 1);
        bench_metric(name, ratios[i], "ratio", false);
    }
    bench_metric("freed", freed, "ratio", false);
    return 0;
}
