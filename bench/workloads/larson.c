// SPDX-License-Identifier: MIT
//
// A server that runs for long. Idea: P.-Å. Larson and M. Krishnan, "Memory Allocation for
// Long-Running Server Applications", ISMM 1998.
//
// A thread owns an array of objects and replaces one after the other, chosen at random, by one of
// random size. After a while it starts a new thread, leaves the array to it, and ends: so most
// objects are freed by another thread than the one that allocated them, and that one is gone.
//
// Stresses frees across threads, heaps of threads that ended, fragmentation by mixed sizes. With
// `sized` 1 objects are freed by C++'s sized operator delete, where the allocator has one, as later
// versions of the program do. Differs from the original: a fixed number of replacements rather than
// a fixed time, each thread joins the one before it, and there is no warm-up besides filling the
// arrays.
//
//   larson [threads slots replacements generations min_bytes max_bytes sized]
//
// `slots` for each thread, `replacements` for each thread and generation.

#include "common/object.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

// operator new and operator delete(void *, size_t): those of the allocator, when it has them.
void *sized_new(size_t bytes) __asm__("_Znwm") __attribute__((weak));
void sized_delete(void *object, size_t bytes) __asm__("_ZdlPvm") __attribute__((weak));

struct plan {
    uint32_t slot_count;
    uint32_t min_bytes;
    uint32_t range_bytes;
    uint64_t replacement_count;
    bool sized;
};

struct slot {
    void *object;
    uint32_t size_bytes;
};

// One array and the threads that own it, one after the other.
struct line {
    const struct plan *plan;
    struct slot *slots;
    struct bench_random random;
    uint64_t generations_left;
    pthread_t owner;
    bool has_owner;
    sem_t ended;
};

static void
slot_fill(struct slot *slot, const struct plan *plan, uint32_t random_bits)
{
    slot->size_bytes = plan->min_bytes + bench_scale(random_bits, plan->range_bytes);
    slot->object =
        plan->sized ? object_start(sized_new(slot->size_bytes)) : object_new(slot->size_bytes);
}

static void
slot_empty(struct slot *slot, const struct plan *plan)
{
    if (plan->sized) {
        object_end(slot->object);
        sized_delete(slot->object, slot->size_bytes);
    } else {
        object_free(slot->object);
    }
}

static void line_start_owner(struct line *line);

static void *
line_own(void *argument)
{
    struct line *line = argument;
    const struct plan *plan = line->plan;

    if (line->has_owner) {
        pthread_join(line->owner, NULL);
    }
    for (uint64_t i = 0; i < plan->replacement_count; i++) {
        uint64_t bits = bench_random_next(&line->random);
        struct slot *slot = &line->slots[bench_scale((uint32_t)bits, plan->slot_count)];
        slot_empty(slot, plan);
        slot_fill(slot, plan, (uint32_t)(bits >> 32));
    }
    line->owner = pthread_self();
    line->has_owner = true;
    if (--line->generations_left != 0) {
        line_start_owner(line);
    } else {
        sem_post(&line->ended);
    }
    return NULL;
}

static void
line_start_owner(struct line *line)
{
    pthread_t thread;

    errno = pthread_create(&thread, NULL, line_own, line);
    if (errno != 0) {
        bench_die("pthread_create");
    }
}

static void
line_prepare(struct line *line, const struct plan *plan, uint64_t seed, uint64_t generations)
{
    line->plan = plan;
    line->slots = bench_map(plan->slot_count * sizeof *line->slots);
    line->generations_left = generations;
    bench_random_start(&line->random, seed);
    sem_init(&line->ended, 0, 0);
    for (uint32_t i = 0; i < plan->slot_count; i++) {
        slot_fill(&line->slots[i], plan, (uint32_t)bench_random_next(&line->random));
    }
}

static void
line_finish(struct line *line)
{
    for (uint32_t i = 0; i < line->plan->slot_count; i++) {
        slot_empty(&line->slots[i], line->plan);
    }
}

int
main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 2, 1);
    struct plan plan = {
        .slot_count = (uint32_t)bench_argument(argc, argv, 2, 5000, 1),
        .replacement_count = bench_argument(argc, argv, 3, 100000, 1),
        .min_bytes = (uint32_t)bench_argument(argc, argv, 5, 8, OBJECT_MIN_BYTES),
        .sized =
            bench_argument(argc, argv, 7, 0, 0) != 0 && sized_new != NULL && sized_delete != NULL,
    };
    uint64_t generations = bench_argument(argc, argv, 4, 100, 1);
    plan.range_bytes =
        (uint32_t)bench_argument(argc, argv, 6, 1000, plan.min_bytes) - plan.min_bytes + 1;
    struct line *lines = bench_map(threads * sizeof *lines);

    for (unsigned i = 0; i < threads; i++) {
        line_prepare(&lines[i], &plan, i, generations);
    }
    uint64_t begin_ns = bench_now_ns();
    for (unsigned i = 0; i < threads; i++) {
        line_start_owner(&lines[i]);
    }
    for (unsigned i = 0; i < threads; i++) {
        while (sem_wait(&lines[i].ended) != 0) {
        }
        pthread_join(lines[i].owner, NULL);
    }
    uint64_t elapsed_ns = bench_now_ns() - begin_ns;
    for (unsigned i = 0; i < threads; i++) {
        line_finish(&lines[i]);
    }
    double operations = (double)threads * (double)generations * (double)plan.replacement_count;
    bench_metric("throughput", operations * 1e3 / (double)elapsed_ns, "Mops/s", true);
    return 0;
}
