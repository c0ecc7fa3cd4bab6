// SPDX-License-Identifier: MIT
//
// calloc of many objects at once, and their first touch: an allocator may zero memory itself or
// leave that to the system's page faults, and only both together tell which is cheaper.
//
// Idea: the question whether calloc of fresh memory needs a memset. From the second round on the
// memory is used memory: every object was filled with ones before it was freed. Each page's first
// word is checked to be zero.
//
//   zeroed BYTES COUNT ROUNDS
//
// Prints `time`: calloc, the first write to each page, and free, per object.

#include "common/object.h"

#include <string.h>

#define PAGE_BYTES 4096u

struct round {
    size_t bytes;
    size_t count;
    void **objects;
    uint64_t spent_ns;
};

static void
touch(char *p, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += PAGE_BYTES) {
        volatile uintptr_t *word = (volatile uintptr_t *)(void *)(p + at);
        if (*word != 0) {
            bench_die("calloc gave memory that is not zero");
        }
        *word = 1;
    }
}

static void
run_round(struct round *round)
{
    uint64_t begin_ns = bench_now_ns();

    for (size_t i = 0; i < round->count; i++) {
        round->objects[i] = calloc(1, round->bytes);
        if (round->objects[i] == NULL) {
            bench_die("calloc");
        }
    }
    for (size_t i = 0; i < round->count; i++) {
        touch(round->objects[i], round->bytes);
    }
    uint64_t touched_ns = bench_now_ns();
    for (size_t i = 0; i < round->count; i++) {
        memset(round->objects[i], 0xff, round->bytes);
    }
    uint64_t filled_ns = bench_now_ns();
    for (size_t i = 0; i < round->count; i++) {
        free(round->objects[i]);
    }
    round->spent_ns += touched_ns - begin_ns + bench_now_ns() - filled_ns;
}

int
main(int argc, char **argv)
{
    struct round round = {
        .bytes = bench_argument(argc, argv, 1, 64, OBJECT_MIN_BYTES),
        .count = bench_argument(argc, argv, 2, 10000, 1),
    };
    uint64_t rounds = bench_argument(argc, argv, 3, 1000, 1);

    round.objects = bench_map(round.count * sizeof *round.objects);
    for (uint64_t i = 0; i < rounds; i++) {
        run_round(&round);
    }
    double objects = (double)round.count * (double)rounds;
    bench_metric("time", (double)round.spent_ns / objects, "ns", false);
    return 0;
}
