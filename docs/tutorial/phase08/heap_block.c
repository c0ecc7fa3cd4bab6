// SPDX-License-Identifier: MIT
//
// Where a thread needs the lock for its blocks. Who comes here has time to look what has become
// old.

#include "heap_block.h"

#include "heap.h"
#include "purge.h"
#include "superblock.h"

struct block *
heap_open(struct thread_heap *mine, unsigned c)
{
    heap_begin();
    struct block *block = superblock_take(1, BLOCK_BYTES);
    if (block != NULL) {
        block_open(block, c);
        block->owner = mine;
        block->state = BLOCK_CHUNKS;
    }
    heap_end();
    // BEGIN STEP 5:
    purge_run();
    // END STEP 5
    return block;
}

void
heap_give(struct block *block)
{
    heap_begin();
    superblock_give(block);
    heap_end();
    // BEGIN STEP 5:
    purge_run();
    // END STEP 5
}
