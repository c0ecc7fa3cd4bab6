// SPDX-License-Identifier: MIT
//
// A small, fast generator for choices and keys: xoshiro256** (Blackman and Vigna, 2018), seeded
// from getrandom by its owner. Good for keys as long as its output stays secret; not for
// cryptography.

#ifndef APEX_BASE_RNG_H
#define APEX_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4]; // never all zero
};

// Any seed will do; equal seeds give equal sequences (tests replay by seed).
void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

#endif
