// SPDX-License-Identifier: MIT
//
// How many chunks of a block are in use.

#ifndef TINY_BLOCK_COUNT_H
#define TINY_BLOCK_COUNT_H

#include "block.h"

// One more or one less. The owner.
static inline void
block_count(struct block *block, uint32_t change)
{
    block->used += change;
}

static inline uint32_t
block_used(const struct block *block)
{
    return block->used;
}

#endif
