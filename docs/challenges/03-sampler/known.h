// SPDX-License-Identifier: MIT
//
// What a sample says, held against what is true.

#ifndef CHALLENGE_KNOWN_H
#define CHALLENGE_KNOWN_H

#include "test.h"

#define KNOWN_PERCENT 5 // five times the deviation that chance explains, or more

// Fails when `found` bytes in objects of `size` bytes are too far from `bytes`.
static inline void
known_compare(const char *program, size_t size, double bytes, double found)
{
    double off = (found / bytes - 1) * 100;

    require(off >= -KNOWN_PERCENT && off <= KNOWN_PERCENT,
            "%s allocates %.1f MB in objects of %zu bytes; the sample says %.1f MB (%+.1f %%)",
            program, bytes / 1e6, size, found / 1e6, off);
}

#endif
