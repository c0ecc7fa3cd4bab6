// SPDX-License-Identifier: MIT
//
// Size classes, computed: the first eight by division, the others by the position of the highest
// bit and the two bits behind it.

#include "size_class.h"

enum { LINEAR_COUNT = 8, LINEAR_SHIFT = 7 }; // eight classes, up to 128 bytes

unsigned
size_class_of(size_t size)
{
    // BEGIN STEP 1: return 0;
    if (size <= (1u << LINEAR_SHIFT)) {
        return size == 0 ? 0 : (unsigned)(size - 1) / 16;
    }
    size_t last = size - 1;
    unsigned shift = 63 - (unsigned)__builtin_clzl(last);
    unsigned quarter = (unsigned)(last >> (shift - 2)) & 3;

    return LINEAR_COUNT + 4 * (shift - LINEAR_SHIFT) + quarter;
    // END STEP 1
}

size_t
size_class_bytes(unsigned c)
{
    // BEGIN STEP 1: return 16;
    if (c < LINEAR_COUNT) {
        return 16 * ((size_t)c + 1);
    }
    unsigned doubling = (c - LINEAR_COUNT) / 4;
    size_t quarters = 4 + (c - LINEAR_COUNT) % 4 + 1;

    return quarters << (LINEAR_SHIFT - 2 + doubling);
    // END STEP 1
}
