// SPDX-License-Identifier: MIT
//
// Calls of malloc and free, and next to nothing else: instructions.sh counts their instructions.
//
//   calls pair COUNT    malloc(16), free
//   calls mixed COUNT   malloc, free of sizes from 16 to 512 bytes in a fixed, irregular order
//   calls batch COUNT   1000 times malloc(64), 1000 times free in the same order

#include "common/bench.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZES 256
#define BATCH 1000

// volatile: no compiler may take a pair away.
static void *volatile object[BATCH];
static uint16_t size_bytes[SIZES];

static void
pairs(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        object[0] = malloc(16);
        free(object[0]);
    }
}

static void
mixed_pairs(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        object[0] = malloc(size_bytes[i % SIZES]);
        free(object[0]);
    }
}

static void
batches(uint64_t count)
{
    for (uint64_t i = 0; i < count; i += BATCH) {
        for (unsigned j = 0; j < BATCH; j++) {
            object[j] = malloc(64);
        }
        for (unsigned j = 0; j < BATCH; j++) {
            free(object[j]);
        }
    }
}

int
main(int argc, char **argv)
{
    uint64_t count = bench_argument(argc, argv, 2, 0, 1);
    struct bench_random random;

    if (argc != 3) {
        bench_die("usage: calls pair|mixed|batch COUNT");
    }
    bench_random_start(&random, 1);
    for (unsigned i = 0; i < SIZES; i++) {
        size_bytes[i] = (uint16_t)(16 + bench_random_below(&random, 497));
    }
    if (strcmp(argv[1], "pair") == 0) {
        pairs(count);
    } else if (strcmp(argv[1], "mixed") == 0) {
        mixed_pairs(count);
    } else if (strcmp(argv[1], "batch") == 0) {
        batches(count);
    } else {
        bench_die("pair, mixed or batch");
    }
    return 0;
}
