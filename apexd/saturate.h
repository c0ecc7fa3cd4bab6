// SPDX-License-Identifier: MIT
//
// Arithmetic on numbers of strangers: what is too large or too small ends at the end of the range,
// where it would wrap around. Pure.

#ifndef APEXD_SATURATE_H
#define APEXD_SATURATE_H

#include <stdint.h>

static inline uint64_t
saturate_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t
saturate_less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static inline uint64_t
saturate_times(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

#endif
