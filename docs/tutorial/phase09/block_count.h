// SPDX-License-Identifier: MIT
//
// How many chunks of a block are in use: one thread writes, its owner, and any thread reads.

#ifndef TINY_BLOCK_COUNT_H
#define TINY_BLOCK_COUNT_H

#include "block.h"

// One more or one less. The owner: with one writer no atomic addition is needed. Others see the
// number of before or of after.
static inline void
block_count(struct block *block, uint32_t change)
{
    // BEGIN STEP 1: block->used += change;
    uint32_t used = __atomic_load_n(&block->used, __ATOMIC_RELAXED);

    __atomic_store_n(&block->used, used + change, __ATOMIC_RELAXED);
    // END STEP 1
}

// Any thread.
static inline uint32_t
block_used(const struct block *block)
{
    // BEGIN STEP 1: return block->used;
    return __atomic_load_n(&block->used, __ATOMIC_RELAXED);
    // END STEP 1
}

#endif
