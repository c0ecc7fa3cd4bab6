// SPDX-License-Identifier: MIT
//
// Bytes are sampled, and with them the objects that they are in: from one sampled byte to the next
// it is so far as from one event of a Poisson process to the next, whose distances forget what was
// before. So each byte has the same chance, whatever the pattern in which a program allocates.
//
// An object has none of the sampled bytes with probability exp(-bytes / mean). The others of its
// size are represented by those that have one.

#include "sampler.h"

#include <math.h>
#include <stdbool.h>

#define OF_THREAD static __thread __attribute__((tls_model("initial-exec")))

OF_THREAD int64_t sampler_left; // bytes until the next one that is sampled
OF_THREAD uint64_t sampler_state;
OF_THREAD bool sampler_begun;

// By splitmix64: seeds that differ in one bit give numbers that have nothing in common.
static uint64_t
sampler_random(void)
{
    uint64_t n = sampler_state += 0x9e3779b97f4a7c15;

    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

// A fresh distance. What is left of the old one is dropped, which changes nothing: no matter how
// long one has waited, the wait is as long as ever.
static void
sampler_draw(void)
{
    double u = (double)((sampler_random() >> 11) + 1) * 0x1p-53; // above 0, up to 1

    sampler_left = (int64_t)(-log(u) * SAMPLER_MEAN_BYTES);
}

void
sampler_seed(uint64_t seed)
{
    sampler_state = seed;
    sampler_begun = true;
    sampler_draw();
}

// A thread that exits leaves its memory to the next, so its address would be no seed.
static void
sampler_begin(void)
{
    static uint64_t threads;

    sampler_seed(__atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) << 32);
}

// noinline: the saving of registers that this needs is not for those who do not get here.
__attribute__((noinline)) static size_t
sampler_weigh_slow(size_t bytes)
{
    if (!sampler_begun) {
        sampler_begin();
        return sampler_weigh(bytes);
    }
    sampler_draw();
    return (size_t)((double)bytes / -expm1(-(double)bytes / SAMPLER_MEAN_BYTES));
}

size_t
sampler_weigh(size_t bytes)
{
    sampler_left -= (int64_t)bytes;
    return sampler_left >= 0 ? 0 : sampler_weigh_slow(bytes);
}
