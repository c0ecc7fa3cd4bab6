// SPDX-License-Identifier: MIT
//
// For tests of single blocks: memory that looks like a superblock, with nothing in it. Descriptors
// and chunks must share one, as block_pop() checks.

#ifndef APEX_TESTS_SUPERBLOCK_H
#define APEX_TESTS_SUPERBLOCK_H

#include "core/geometry.h"

#include "unit.h"

// Zeroed, and never freed.
static inline char *
unit_superblock(void)
{
    char *base = aligned_alloc(SUPERBLOCK_BYTES, SUPERBLOCK_BYTES);

    assert_non_null(base);
    return memset(base, 0, SUPERBLOCK_BYTES);
}

#endif
