// SPDX-License-Identifier: MIT
//
// Two small, fast generators, seeded from getrandom by their owner; not for cryptography.
//   rng   for keys, as long as its output stays secret: xoshiro256** (Blackman and Vigna, 2018)
//   dice  for choices on the fast path: a counter, and a product that folds it (Wang Yi's wyrand,
//         with a secret of its own in place of a constant)

#ifndef APEX_BASE_RNG_H
#define APEX_BASE_RNG_H

#include "base/compiler.h"

#include <stdint.h>

struct rng {
    uint64_t state[4]; // never all zero
};

// Any seed will do; equal seeds give equal sequences (tests replay by seed).
void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

struct dice {
    uint64_t state;
    uint64_t secret;
};

void dice_seed(struct dice *dice, struct rng *rng);

// A number below `n`, which is small: its bias is n / 2^32.
FAST uint32_t
dice_below(struct dice *dice, uint32_t n)
{
    dice->state += UINT64_C(0x9e3779b97f4a7c15);
    __uint128_t product = (__uint128_t)dice->state * (dice->state ^ dice->secret);
    uint32_t random = (uint32_t)(product >> 64) ^ (uint32_t)product;
    return (uint32_t)(((uint64_t)random * n) >> 32);
}

#endif
