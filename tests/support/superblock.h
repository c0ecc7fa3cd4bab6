// SPDX-License-Identifier: MIT
//
// For tests of single blocks: memory that looks like a superblock, with nothing in it. Descriptors
// and chunks must share one, as block_pop() checks.

#ifndef APEX_TESTS_SUPERBLOCK_H
#define APEX_TESTS_SUPERBLOCK_H

#include "core/block.h"

#include "unit.h"

// Zeroed, and never freed.
static inline char *
unit_superblock(void)
{
    char *base = aligned_alloc(SUPERBLOCK_BYTES, SUPERBLOCK_BYTES);

    assert_non_null(base);
    return memset(base, 0, SUPERBLOCK_BYTES);
}

// Makes the block at `space`, in such a superblock, a CURRENT one of class `c` that is empty and
// not carved yet. Returns its descriptor. Its owner is nobody, and only compared.
static inline struct block *
unit_block(char *space, unsigned c)
{
    static int nobody;
    struct block *block = geometry_descriptor(space);

    memset(block, 0, sizeof *block);
    block_init(block, space, c, 1, (struct owner *)(void *)&nobody, freelist_key(12345));
    block_set_state(block, BLOCK_CURRENT);
    block_set_used(block, 0);
    return block;
}

#endif
