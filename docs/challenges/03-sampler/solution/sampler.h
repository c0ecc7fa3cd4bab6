// SPDX-License-Identifier: MIT
//
// Which allocations are looked at closely, and how many bytes each of those stands for.
//
// Every thread samples by itself, from its first allocation on. Neither function allocates, and
// neither changes errno.

#ifndef TINY_SAMPLER_H
#define TINY_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#define SAMPLER_MEAN_BYTES 4096 // from one sampled byte to the next

// The calling thread allocates an object of `bytes` bytes: how many bytes does it stand for? 0 when
// it is not sampled.
size_t sampler_weigh(size_t bytes);

// The calling thread begins anew, with random numbers that follow from `seed`. A thread that has
// never called this has a seed of its own.
void sampler_seed(uint64_t seed);

#endif
