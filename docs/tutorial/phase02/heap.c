// SPDX-License-Identifier: MIT
//
// The heap: for each size class a list of blocks that have room. Objects larger than the largest
// class are runs of blocks.
//
// Invariants
//   H1  A block with chunks is in the list of its class if and only if a chunk can be taken of it.
//   H2  An empty block is in the list only if it is alone there: others go back to the region.
//
// One thread at a time.

#include "heap.h"

#include "block.h"
#include "heap_list.h"
#include "region.h"
#include "size_class.h"

#include <stdbool.h>

// A fresh block for class `c`, in the list. NULL when there is no memory.
static struct block *
heap_open(unsigned c)
{
    struct block *block = region_take(1, BLOCK_BYTES);

    if (block != NULL) {
        block_open(block, c);
        block->state = BLOCK_CHUNKS;
        heap_enter(block);
    }
    return block;
}

static void *
heap_alloc_large(size_t size, size_t align)
{
    // BEGIN STEP 4: return NULL;
    if (size > REGION_BYTES) {
        return NULL; // and the sum below does not overflow
    }
    size_t blocks = (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
    struct block *first = region_take(blocks == 0 ? 1 : blocks, align);

    return first == NULL ? NULL : region_memory(first);
    // END STEP 4
}

// Chunks of a power of two lie at multiples of it, since blocks do.
static size_t
heap_power_of_two(size_t size, size_t align)
{
    size_t power = align;

    while (power < size) {
        power *= 2;
    }
    return power;
}

void *
heap_alloc(size_t size, size_t align)
{
    // BEGIN STEP 4: return NULL;
    if (size > CHUNK_BYTES_MAX || align > CHUNK_BYTES_MAX) {
        return heap_alloc_large(size, align);
    }
    unsigned c = size_class_of(align > ALIGN_BYTES ? heap_power_of_two(size, align) : size);
    struct block *block = heap_available[c];
    if (block == NULL && (block = heap_open(c)) == NULL) {
        return NULL;
    }
    void *p = block_take(block, region_memory(block));
    if (block->used == block->capacity) {
        heap_leave(block);
    }
    return p;
    // END STEP 4
}

void
heap_free(void *p)
{
    // BEGIN STEP 5:
    struct block *block = region_block_of(p);

    if (block->state == BLOCK_LARGE) {
        region_give(block);
        return;
    }
    bool was_full = block->used == block->capacity;
    block_put(block, p);
    if (was_full) {
        heap_enter(block);
    }
    bool alone = block->next == NULL && block->previous == NULL;
    if (block->used == 0 && !alone) {
        heap_leave(block);
        region_give(block);
    }
    // END STEP 5
}

size_t
heap_usable_bytes(const void *p)
{
    // BEGIN STEP 4: return 0;
    const struct block *block = region_block_of(p);

    return block->state == BLOCK_LARGE ? block->run_blocks * BLOCK_BYTES : block->chunk_bytes;
    // END STEP 4
}
