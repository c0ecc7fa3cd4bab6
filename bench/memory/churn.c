// SPDX-License-Identifier: MIT
//
// Threads come, allocate, free most of it, hand the rest over and exit, generation after
// generation. What lives is as much after the last generation as after the first ones; is what is
// resident as much, too? Metrics: `rss`, RSS divided by live bytes at the end, and `growth`, RSS at
// the end divided by RSS after a quarter of the generations (1 is flat).
//
// Idea: servers whose worker threads come and go while sessions stay (compare Larson and Krishnan,
// ISMM 1998). A heap that an exited thread leaves behind must be found by somebody.
//
//   churn THREADS GENERATIONS [SURVIVORS [OBJECTS]]
//
// Each thread of a generation makes OBJECTS objects of mixed sizes; every tenth takes the place of
// a random one of the SURVIVORS, which some earlier thread made.

#include "common/choice.h"
#include "common/filled.h"

#define KEEP_ONE_OF 10u

struct churn {
    unsigned threads;
    unsigned generation;
    size_t survivors; // in each thread's part
    size_t objects;
    struct part *parts;
    void ***own; // a table for each thread
};

// Survivors, the threads' in turn: thread i has part (i + generation) mod threads.
struct part {
    void **objects;
    uint32_t *sizes;
    size_t live_bytes;
};

static void
hand_over(struct part *part, size_t slot, size_t bytes)
{
    if (part->objects[slot] != NULL) {
        object_free(part->objects[slot]);
        part->live_bytes -= part->sizes[slot];
    }
    part->objects[slot] = filled_new(bytes);
    part->sizes[slot] = (uint32_t)bytes;
    part->live_bytes += bytes;
}

static void
live(void *context, unsigned thread)
{
    const struct churn *churn = context;
    struct part *part = &churn->parts[(thread + churn->generation) % churn->threads];
    void **own = churn->own[thread];
    struct bench_random random;

    bench_random_start(&random, churn->generation * churn->threads + thread);
    for (size_t i = 0; i < churn->objects; i++) {
        size_t bytes = choose_mixed_size(&random);
        own[i] = NULL;
        if (i % KEEP_ONE_OF != 0) {
            own[i] = filled_new(bytes);
        } else {
            hand_over(part, bench_random_below(&random, churn->survivors), bytes);
        }
    }
    object_free_all(own, churn->objects);
}

static void
start(struct churn *churn)
{
    churn->parts = bench_map(churn->threads * sizeof *churn->parts);
    churn->own = bench_map(churn->threads * sizeof *churn->own);
    for (unsigned i = 0; i < churn->threads; i++) {
        churn->parts[i].objects = bench_map(churn->survivors * sizeof(void *));
        churn->parts[i].sizes = bench_map(churn->survivors * sizeof(uint32_t));
        churn->own[i] = bench_map(churn->objects * sizeof(void *));
    }
}

int
main(int argc, char **argv)
{
    struct churn churn = {.threads = (unsigned)bench_argument(argc, argv, 1, 4, 1)};
    unsigned generations = (unsigned)bench_argument(argc, argv, 2, 200, 4);
    double early = 0;
    double live_bytes = 0;

    churn.survivors = bench_argument(argc, argv, 3, 100000, 1) / churn.threads + 1;
    churn.objects = bench_argument(argc, argv, 4, 10000, 1);
    start(&churn);
    size_t base_bytes = bench_rss_bytes();
    for (; churn.generation < generations; churn.generation++) {
        bench_parallel(churn.threads, live, &churn);
        if (churn.generation == generations / 4) {
            early = filled_rss_above(base_bytes);
        }
    }
    double late = filled_rss_above(base_bytes);
    for (unsigned i = 0; i < churn.threads; i++) {
        live_bytes += (double)churn.parts[i].live_bytes;
    }
    bench_metric("rss", late / live_bytes, "ratio", false);
    bench_metric("growth", late / early, "ratio", false);
    return 0;
}
