// SPDX-License-Identifier: MIT
//
// Which of the two an object is, by its size and by its address.

#include "heap_large.h"

#include "heap.h"
#include "large.h"
#include "superblock.h"

void *
heap_alloc_large(size_t size, size_t align)
{
    // BEGIN STEP 6: return NULL;
    const size_t run_bytes_max = RUN_BLOCKS_MAX * BLOCK_BYTES;

    if (size > run_bytes_max || align > run_bytes_max) {
        return large_alloc(size, align);
    }
    size_t blocks = (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
    struct block *first = superblock_take(blocks == 0 ? 1 : blocks, align);

    return first == NULL ? NULL : superblock_memory(first);
    // END STEP 6
}

size_t
heap_usable_bytes(const void *p)
{
    // BEGIN STEP 6: return 0;
    const struct span *span = registry_find(p);

    if (span->kind == SPAN_LARGE) {
        return ((const struct large *)span)->object_bytes;
    }
    const struct block *block = superblock_block_of(p);
    return block->state == BLOCK_LARGE ? block->run_blocks * BLOCK_BYTES : block->chunk_bytes;
    // END STEP 6
}
