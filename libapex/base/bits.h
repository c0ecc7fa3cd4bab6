// SPDX-License-Identifier: MIT
//
// Arithmetic on powers of two and on bit sets. Pure functions; any thread.

#ifndef APEX_BASE_BITS_H
#define APEX_BASE_BITS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

FAST bool
bits_is_pow2(size_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

// `align` is a power of two; the caller has checked that x + align does not overflow.
FAST size_t
bits_align_up(size_t x, size_t align)
{
    return (x + align - 1) & ~(align - 1);
}

FAST size_t
bits_align_down(size_t x, size_t align)
{
    return x & ~(align - 1);
}

// Index of the highest set bit; x is not 0.
FAST unsigned
bits_log2(size_t x)
{
    return 63u - (unsigned)__builtin_clzl(x);
}

// Index of the lowest set bit; x is not 0.
FAST unsigned
bits_lowest(uint64_t x)
{
    return (unsigned)__builtin_ctzl(x);
}

// How many bits are set. The compiler's own would be a call where the processor may lack the
// instruction (Hacker's Delight, 5-1).
FAST unsigned
bits_count(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(x * UINT64_C(0x0101010101010101) >> 56);
}

// `count` set bits from bit `first` on; first + count is at most 64.
FAST uint64_t
bits_range(unsigned first, unsigned count)
{
    return count == 0 ? 0 : (~UINT64_C(0) >> (64 - count)) << first;
}

// The lowest index from `from` on at which `count` bits in a row are set; if there is none, the
// lowest of all; or -1. Halving the run length at each step leaves in `set` the starts of runs that
// are long enough (Hacker's Delight, 6-3).
FAST int
bits_find_run(uint64_t set, unsigned count, unsigned from)
{
    for (unsigned have = 1; have < count && set != 0;) {
        unsigned step = have < count - have ? have : count - have;
        set &= set >> step;
        have += step;
    }
    uint64_t later = set & ~bits_range(0, from);
    return set == 0 ? -1 : (int)bits_lowest(later != 0 ? later : set);
}

#endif
