// SPDX-License-Identifier: MIT
//
// A generator belongs to one thread, or to whoever holds the lock that guards it.

#include "base/rng.h"

static uint64_t
rng_rotate(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

void
rng_seed(struct rng *rng, uint64_t seed)
{
    // splitmix64 spreads a poor seed over the whole state, as the authors of xoshiro advise.
    for (unsigned i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        rng->state[i] = z ^ (z >> 31);
    }
}

uint64_t
rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rng_rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rng_rotate(s[3], 45);
    return result;
}

void
dice_seed(struct dice *dice, struct rng *rng)
{
    dice->state = rng_next(rng);
    dice->secret = rng_next(rng);
}
