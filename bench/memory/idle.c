// SPDX-License-Identifier: MIT
//
// Threads that have worked and now wait: each fills some memory with small objects, frees them all
// and sleeps. What its heap and caches still hold is lost to everybody else. Metrics: `freed`, just
// after the last free, and `slept`, after the given time: RSS of the whole process, stacks
// included, divided by the bytes that all threads together had.
//
// Idea: thread pools sized for the worst hour. Many threads with one small object each show what a
// thread costs that hardly allocates.
//
//   idle THREADS BYTES SLEEP_MS

#include "common/choice.h"
#include "common/filled.h"

#include <pthread.h>
#include <unistd.h>

#define SMALLEST_BYTES 32u
#define LARGEST_BYTES 256u

struct idle {
    size_t bytes; // of each thread
    useconds_t sleep_us;
    pthread_barrier_t turn;
    size_t freed_bytes;
    size_t slept_bytes;
};

// The objects of a thread are a list through themselves: a table would be resident as well.
struct link {
    uint64_t mark;
    struct link *next;
};

static void
fill_and_free(size_t full_bytes, unsigned thread)
{
    struct bench_random random;
    struct link *first = NULL;
    size_t bytes = 0;

    bench_random_start(&random, thread);
    for (size_t live_bytes = 0; live_bytes < full_bytes; live_bytes += bytes) {
        bytes = choose_size(&random, SMALLEST_BYTES, LARGEST_BYTES);
        struct link *link = filled_new(bytes);
        link->next = first;
        first = link;
    }
    while (first != NULL) {
        struct link *next = first->next;
        object_free(first);
        first = next;
    }
}

static void
work(void *context, unsigned thread)
{
    struct idle *idle = context;

    fill_and_free(idle->bytes, thread);
    if (pthread_barrier_wait(&idle->turn) == PTHREAD_BARRIER_SERIAL_THREAD) {
        idle->freed_bytes = bench_rss_bytes();
        usleep(idle->sleep_us);
        idle->slept_bytes = bench_rss_bytes();
    }
    pthread_barrier_wait(&idle->turn); // nobody exits before
}

int
main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 64, 1);
    struct idle idle = {.bytes = bench_argument(argc, argv, 2, 1 << 20, 1)};
    double all_bytes = (double)idle.bytes * threads;

    idle.sleep_us = (useconds_t)bench_argument(argc, argv, 3, 1000, 0) * 1000;
    pthread_barrier_init(&idle.turn, NULL, threads);
    bench_parallel(threads, work, &idle);
    bench_metric("freed", (double)idle.freed_bytes / all_bytes, "ratio", false);
    bench_metric("slept", (double)idle.slept_bytes / all_bytes, "ratio", false);
    return 0;
}
