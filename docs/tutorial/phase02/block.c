// SPDX-License-Identifier: MIT
//
// Chunks out of a block and back into it.

#include "block.h"

#include "size_class.h"

void
block_open(struct block *block, unsigned c)
{
    block->free = NULL;
    block->carved = 0;
    block->used = 0;
    block->chunk_bytes = (uint32_t)size_class_bytes(c);
    block->capacity = (uint32_t)(BLOCK_BYTES / block->chunk_bytes);
    block->size_class = (uint8_t)c;
}

void *
block_take(struct block *block, char *start)
{
    // BEGIN STEP 3: return NULL;
    struct chunk *chunk = block->free;

    block->used++;
    if (chunk != NULL) {
        block->free = chunk->next;
        return chunk;
    }
    return start + (size_t)block->carved++ * block->chunk_bytes;
    // END STEP 3
}

void
block_put(struct block *block, void *p)
{
    // BEGIN STEP 3:
    struct chunk *chunk = p;

    chunk->next = block->free;
    block->free = chunk;
    block->used--;
    // END STEP 3
}
