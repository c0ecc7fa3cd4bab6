// SPDX-License-Identifier: MIT
//
// Blowup: one thread allocates, another one frees, for many times the bytes that ever live at once.
// Memory that stays where it was freed, or with the thread that freed it, is missed by the one that
// allocates, and the process grows. Metric `peak`: the largest RSS divided by the bytes that live
// then, always the same number.
//
// Idea: Berger, McKinley, Blumofe and Wilson, "Hoard: a scalable memory allocator for
// multithreaded applications" (2000), who named the blowup of producers and consumers, and of
// threads that take turns. `pair`: the first thread allocates, always; the others free, each a
// share. `round`: each thread in turn allocates what the next one frees. They take turns by a
// barrier, so that what lives does not depend on the scheduler.
//
//   handover pair|round THREADS LIVE_BYTES STEPS

#include "common/choice.h"
#include "common/filled.h"

#include <pthread.h>

#define LEAST_MEAN_BYTES 64u // objects are larger on average

static const char *const mode_names[] = {"pair", "round", NULL};

struct handover {
    bool round;
    unsigned threads;
    size_t full_bytes;
    uint64_t steps;
    pthread_barrier_t turn;
    // Written by the thread that allocates in this step, read by the others after the barrier.
    void **objects;
    size_t count;
    size_t room;
    size_t base_bytes;
    double peak;
    struct bench_random random;
};

static void
fill(struct handover *handover)
{
    size_t live_bytes = 0;

    handover->count = 0;
    while (live_bytes < handover->full_bytes && handover->count < handover->room) {
        size_t bytes = choose_mixed_size(&handover->random);
        handover->objects[handover->count++] = filled_new(bytes);
        live_bytes += bytes;
    }
    double ratio = filled_rss_above(handover->base_bytes) / (double)live_bytes;
    handover->peak = ratio > handover->peak ? ratio : handover->peak;
}

static void
free_share(const struct handover *handover, size_t first, size_t stride)
{
    for (size_t i = first; i < handover->count; i += stride) {
        object_free(handover->objects[i]);
    }
}

static void
work(void *context, unsigned thread)
{
    struct handover *handover = context;
    unsigned threads = handover->threads;

    if (pthread_barrier_wait(&handover->turn) == PTHREAD_BARRIER_SERIAL_THREAD) {
        handover->base_bytes = bench_rss_bytes(); // with the threads' stacks
    }
    pthread_barrier_wait(&handover->turn);
    for (uint64_t step = 0; step < handover->steps; step++) {
        unsigned maker = handover->round ? (unsigned)(step % threads) : 0;
        if (thread == maker) {
            fill(handover);
        }
        pthread_barrier_wait(&handover->turn);
        if (handover->round && thread == (maker + 1) % threads) {
            free_share(handover, 0, 1);
        } else if (!handover->round && thread != maker) {
            free_share(handover, thread - 1, threads - 1);
        }
        pthread_barrier_wait(&handover->turn);
    }
}

int
main(int argc, char **argv)
{
    struct handover handover = {.round = bench_word(argc, argv, 1, mode_names) != 0};

    handover.threads = (unsigned)bench_argument(argc, argv, 2, 2, 2);
    handover.full_bytes = bench_argument(argc, argv, 3, 16 << 20, 1 << 16);
    handover.steps = bench_argument(argc, argv, 4, 40, 1);
    handover.room = handover.full_bytes / LEAST_MEAN_BYTES;
    handover.objects = bench_map(handover.room * sizeof *handover.objects);
    bench_random_start(&handover.random, 1);
    pthread_barrier_init(&handover.turn, NULL, handover.threads);
    bench_parallel(handover.threads, work, &handover);
    bench_metric("peak", handover.peak, "ratio", false);
    return 0;
}
