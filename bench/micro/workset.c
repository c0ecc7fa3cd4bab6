// SPDX-License-Identifier: MIT
//
// Random replacement in a working set: a random slot's object is freed and one of a random size
// takes its place. What most programs do between start and end; with a million slots, what a
// server does whose heap is far larger than the caches.
//
// Idea: the inner loop of Larson and Krishnan, "Memory allocation for long-running server
// applications" (ISMM 1998), without its changing threads (those are in the published workloads):
// each thread keeps its own slots, so nothing here is freed by another thread.
//
//   workset THREADS SLOTS MIN MAX REPLACEMENTS [keep|free]
//
// Slots are for each thread, replacements for all together. Prints wall time per replacement; with
// `free`, and one thread, instead of it replace_ns, and free_ns: all slots in order after the
// replacements, which is random in memory.

#include "common/choice.h"
#include "common/object.h"

static const char *const end_names[] = {"keep", "free", NULL};

struct set {
    size_t slots;
    size_t min;
    size_t max;
    uint64_t replacements; // of one thread
    void ***objects;       // a table for each thread
};

static void
fill(void *context, unsigned thread)
{
    const struct set *set = context;
    struct bench_random random;

    bench_random_start(&random, 1000 + thread);
    for (size_t i = 0; i < set->slots; i++) {
        size_t bytes = choose_size(&random, set->min, set->max);
        set->objects[thread][i] = object_new(bytes);
    }
}

static void
replace(void *context, unsigned thread)
{
    const struct set *set = context;
    void **objects = set->objects[thread];
    struct bench_random random;

    bench_random_start(&random, thread);
    for (uint64_t i = 0; i < set->replacements; i++) {
        struct choice next = choose(&random, set->slots, set->min, set->max);
        object_free(objects[next.slot]);
        objects[next.slot] = object_new(next.bytes);
    }
}

static void
fill_and_replace(void *context, unsigned thread)
{
    fill(context, thread);
    replace(context, thread);
}

static void
free_all(const struct set *set)
{
    for (size_t i = 0; i < set->slots; i++) {
        object_free(set->objects[0][i]);
    }
}

static void
run_and_free(struct set *set)
{
    fill(set, 0);
    uint64_t begin_ns = bench_now_ns();
    replace(set, 0);
    uint64_t replaced_ns = bench_now_ns();
    free_all(set);
    uint64_t end_ns = bench_now_ns();
    bench_metric("replace_ns", (double)(replaced_ns - begin_ns) / (double)set->replacements, "ns",
                 false);
    bench_metric("free_ns", (double)(end_ns - replaced_ns) / (double)set->slots, "ns", false);
}

static void
run(struct set *set, unsigned threads)
{
    uint64_t time_ns;

    if (threads == 1) {
        fill(set, 0);
        uint64_t begin_ns = bench_now_ns();
        replace(set, 0);
        time_ns = bench_now_ns() - begin_ns;
    } else {
        time_ns = bench_parallel(threads, fill_and_replace, set);
    }
    bench_metric("time", (double)time_ns / (double)(set->replacements * threads), "ns", false);
}

int
main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 1, 1);
    struct set set = {
        .slots = bench_argument(argc, argv, 2, 1000, 1),
        .min = bench_argument(argc, argv, 3, 16, OBJECT_MIN_BYTES),
    };

    set.max = bench_argument(argc, argv, 4, 512, set.min);
    set.replacements = bench_argument(argc, argv, 5, 100000000, threads) / threads;
    set.objects = bench_map(threads * sizeof *set.objects);
    for (unsigned i = 0; i < threads; i++) {
        set.objects[i] = bench_map(set.slots * sizeof(void *));
    }
    if (bench_word(argc, argv, 6, end_names) != 0 && threads == 1) {
        run_and_free(&set);
    } else {
        run(&set, threads);
    }
    return 0;
}
