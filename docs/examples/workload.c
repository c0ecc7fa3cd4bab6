// SPDX-License-Identifier: MIT
//
// A workload for the bench suite (docs/experiments/workload.md): a server that answers requests and
// remembers a little of each. A request is a batch of objects of falling sizes, all of which go
// with the answer but one, which stays in a table until another takes its place, by chance.
//
// Stresses what the survivors keep from being used again: each may hold a page, a block or a span
// that is free but for it. The row `ratio` says what is resident for each live byte at the end.
//
//   workload [requests [table [batch]]]

#include "common/object.h"

enum { BATCH_MAX = 1024, SIZE_STEPS = 6 }; // sizes from 9 bytes to 512

struct server {
    struct bench_random random;
    uint64_t batch;
    uint64_t slots;
    void **table;
    uint64_t *table_bytes;
};

static uint32_t
server_size(struct server *s)
{
    return object_falling_bytes((uint32_t)bench_random_next(&s->random), SIZE_STEPS);
}

// The object that is left of a request goes to a slot, and what was there is freed.
static void
server_remember(struct server *s, void *object, uint64_t bytes)
{
    uint64_t slot = bench_random_below(&s->random, s->slots);

    if (s->table[slot] != NULL) {
        object_free(s->table[slot]);
    }
    s->table[slot] = object;
    s->table_bytes[slot] = bytes;
}

static void
server_answer(struct server *s)
{
    void *objects[BATCH_MAX];
    uint64_t stays = bench_random_below(&s->random, s->batch);
    uint64_t bytes = 0;

    for (uint64_t i = 0; i < s->batch; i++) {
        uint32_t size = server_size(s);
        objects[i] = object_new(size);
        bytes = i == stays ? size : bytes;
    }
    for (uint64_t i = 0; i < s->batch; i++) {
        if (i != stays) {
            object_free(objects[i]);
        }
    }
    server_remember(s, objects[stays], bytes);
}

int
main(int argc, char **argv)
{
    uint64_t requests = bench_argument(argc, argv, 1, 400000, 1);
    struct server s = {
        .slots = bench_argument(argc, argv, 2, 100000, 1),
        .batch = bench_argument(argc, argv, 3, 40, 1),
    };
    uint64_t live_bytes = 0;

    s.batch = s.batch < BATCH_MAX ? s.batch : BATCH_MAX;
    s.table = bench_map(s.slots * sizeof *s.table);
    s.table_bytes = bench_map(s.slots * sizeof *s.table_bytes);
    bench_random_start(&s.random, 1);
    size_t before_bytes = bench_rss_bytes();
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < requests; i++) {
        server_answer(&s);
    }
    uint64_t time_ns = bench_now_ns() - begin_ns;
    size_t after_bytes = bench_rss_bytes();
    for (uint64_t i = 0; i < s.slots; i++) {
        live_bytes += s.table_bytes[i];
    }
    size_t grown_bytes = after_bytes > before_bytes ? after_bytes - before_bytes : 0;
    bench_metric("time", (double)time_ns / 1e9, "s", false);
    bench_metric("ratio", (double)grown_bytes / (double)live_bytes, "ratio", false);
    return 0;
}
