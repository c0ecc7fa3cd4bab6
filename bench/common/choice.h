// SPDX-License-Identifier: MIT
//
// The next replacement in a working set: which slot, and how large the new object is. One random
// number makes both, so that choosing costs little beside what is measured.

#ifndef APEX_BENCH_COMMON_CHOICE_H
#define APEX_BENCH_COMMON_CHOICE_H

#include "common/bench.h"

struct choice {
    size_t slot;
    size_t bytes;
};

// A slot below `slots` (at most 2^32) and a size from `min` to `max`, all equally likely.
static inline struct choice
choose(struct bench_random *random, size_t slots, size_t min, size_t max)
{
    uint64_t bits = bench_random_next(random);

    return (struct choice){
        .slot = (size_t)((bits >> 32) * slots >> 32),
        .bytes = min + (size_t)((bits & UINT32_MAX) * (max - min + 1) >> 32),
    };
}

static inline size_t
choose_size(struct bench_random *random, size_t min, size_t max)
{
    return choose(random, 1, min, max).bytes;
}

// Sizes as programs mix them: half of them from 16 to 31 bytes, a quarter up to 63, and so on, up
// to 4095. About 110 bytes on average.
static inline size_t
choose_mixed_size(struct bench_random *random)
{
    uint64_t bits = bench_random_next(random);
    unsigned doublings = (unsigned)__builtin_ctzll(bits >> 32 | 1u << 7);
    size_t least = (size_t)16 << doublings;

    return least + (size_t)((bits & UINT32_MAX) * least >> 32);
}

#endif
