// SPDX-License-Identifier: MIT
//
// Every so many allocations of a thread one is sampled.

#include "sampler.h"

enum { EVERY = 64 };

static __thread unsigned sampler_calls __attribute__((tls_model("initial-exec")));

size_t
sampler_weigh(size_t bytes)
{
    return ++sampler_calls % EVERY == 0 ? bytes * EVERY : 0;
}

void
sampler_seed(uint64_t seed)
{
    sampler_calls = (unsigned)seed;
}
