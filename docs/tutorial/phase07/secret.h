// SPDX-License-Identifier: MIT
//
// A number that nobody outside of the process knows, and random numbers.

#ifndef TINY_SECRET_H
#define TINY_SECRET_H

#include <stdint.h>

// Set once, with the lock, before there is a chunk.
extern uintptr_t secret_key;

void secret_begin(void);

// A seed for random_below(), not 0.
uint64_t secret_seed(void);

// A number below `limit`, by xorshift: quick, and good enough for an order that is to be hard to
// guess by whoever does not see the state.
static inline uint32_t
random_below(uint64_t *state, uint32_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(((*state >> 32) * limit) >> 32);
}

#endif
