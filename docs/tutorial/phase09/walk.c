// SPDX-License-Identifier: MIT
//
// From object to object. No list of objects is needed: a block knows its chunks, and a chunk says
// by its mark whether it is live.

#include "heap.h"
#include "large.h"
#include "superblock.h"
#include "tiny.h"

static void
walk_block(const struct block *block, tiny_visit *visit, void *argument)
{
    // BEGIN STEP 3:
    char *start = superblock_memory(block);

    if (block->state == BLOCK_LARGE) {
        visit(start, block->run_blocks * BLOCK_BYTES, argument);
    } else if (block->state == BLOCK_CHUNKS) {
        uint32_t carved = atomic_load_explicit(&block->carved, memory_order_relaxed);
        for (uint32_t i = 0; i < carved; i++) {
            void *chunk = start + (size_t)i * block->chunk_bytes;
            if (!chunk_is_marked(chunk)) {
                visit(chunk, block->chunk_bytes, argument);
            }
        }
    }
    // END STEP 3
}

void
tiny_walk(tiny_visit *visit, void *argument)
{
    // BEGIN STEP 3:
    heap_hold();
    for (const struct superblock *sb = superblock_first(); sb != NULL; sb = sb->next) {
        for (size_t i = 1; i < SUPERBLOCK_BLOCKS; i++) {
            walk_block(&sb->block[i], visit, argument);
        }
    }
    for (const struct large *large = large_first(); large != NULL; large = large->next) {
        visit(large->mapped + large->mapped_bytes - large->object_bytes, large->object_bytes,
              argument);
    }
    heap_let_go();
    // END STEP 3
}
