// SPDX-License-Identifier: MIT
//
// A program that was large and now does nothing: objects are made and freed, by the thread that
// made them or by another while that one sleeps, and then nobody calls the allocator any more.
// Metrics: `freed`, just after the last free, and `slept`, after the given time: RSS above what it
// was at the start and what is still alive, divided by the bytes that were freed.
//
// Idea: what an operator sees of a service after its busy hour. With KEEP above 0 every object with
// a number that divides by it stays alive: caches, sessions, what a program always has.
//
//   sleep own|other small|page|large BYTES SLEEP_MS [KEEP]

#include "common/choice.h"
#include "common/filled.h"

#include <pthread.h>
#include <time.h>

#define SMALL_MIN_BYTES 16u
#define SMALL_MAX_BYTES 512u
#define PAGE_BYTES 4096u
#define LARGE_BYTES (256u << 10)

static const char *const whose[] = {"own", "other", NULL};
static const char *const kinds[] = {"small", "page", "large", NULL};

enum whose { OWN, OTHER };

struct sleep {
    enum whose whose;
    size_t min;
    size_t max;
    size_t bytes;
    size_t keep; // every so manyth stays; 0: none
    size_t count;
    size_t alive_bytes;
    void **objects; // NULL: freed
    pthread_barrier_t turn;
};

static void
make(struct sleep *sleep)
{
    struct bench_random random;
    size_t bytes = 0;

    bench_random_start(&random, 1);
    for (size_t sum_bytes = 0; sum_bytes < sleep->bytes; sum_bytes += bytes) {
        bytes = choose_size(&random, sleep->min, sleep->max);
        if (sleep->keep != 0 && sleep->count % sleep->keep == 0) {
            sleep->alive_bytes += bytes;
        }
        sleep->objects[sleep->count++] = filled_new(bytes);
    }
}

static void
free_all(const struct sleep *sleep)
{
    for (size_t i = 0; i < sleep->count; i++) {
        if (sleep->keep == 0 || i % sleep->keep != 0) {
            object_free(sleep->objects[i]);
        }
    }
}

// The thread that makes the objects, and then does nothing for ever.
static void *
maker_main(void *context)
{
    struct sleep *sleep = context;

    make(sleep);
    if (sleep->whose == OWN) {
        free_all(sleep);
    }
    pthread_barrier_wait(&sleep->turn);
    for (;;) {
        nanosleep(&(struct timespec){.tv_sec = 3600}, NULL);
    }
    return NULL;
}

// The share of what was freed that is resident above `base_bytes`.
static double
share(const struct sleep *sleep, size_t base_bytes)
{
    double above = filled_rss_above(base_bytes + sleep->alive_bytes);

    return above / (double)(sleep->bytes - sleep->alive_bytes);
}

int
main(int argc, char **argv)
{
    struct sleep sleep = {.whose = (enum whose)bench_word(argc, argv, 1, whose)};
    unsigned kind = bench_word(argc, argv, 2, kinds);
    pthread_t maker;

    sleep.min = (size_t[]){SMALL_MIN_BYTES, PAGE_BYTES, LARGE_BYTES}[kind];
    sleep.max = (size_t[]){SMALL_MAX_BYTES, PAGE_BYTES, LARGE_BYTES}[kind];
    sleep.bytes = bench_argument(argc, argv, 3, 1 << 30, 1);
    uint64_t sleep_ms = bench_argument(argc, argv, 4, 5000, 0);
    sleep.keep = bench_argument(argc, argv, 5, 0, 0);
    // More than there can be objects, and resident from here on.
    sleep.objects = bench_map((sleep.bytes * 3 / (sleep.min + sleep.max) + 1) * sizeof(void *));
    pthread_barrier_init(&sleep.turn, NULL, 2);
    size_t base_bytes = bench_rss_bytes();
    if (pthread_create(&maker, NULL, maker_main, &sleep) != 0) {
        bench_die("pthread_create");
    }
    pthread_barrier_wait(&sleep.turn);
    if (sleep.whose == OTHER) {
        free_all(&sleep);
    }
    double freed = share(&sleep, base_bytes);
    struct timespec pause = {(time_t)(sleep_ms / 1000), (long)(sleep_ms % 1000 * 1000000)};
    nanosleep(&pause, NULL);
    bench_metric("slept", share(&sleep, base_bytes), "ratio", false);
    bench_metric("freed", freed, "ratio", false);
    return 0;
}
