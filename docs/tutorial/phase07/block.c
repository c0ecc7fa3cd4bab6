// SPDX-License-Identifier: MIT
//
// Chunks out of a block and back into it, in an order that nobody can foretell, and with a look at
// each whether it is what it should be.

#include "block.h"

#include "block_count.h"
#include "fault.h"
#include "size_class.h"

enum { CARVE_MAX = 16 }; // chunks that are cut and shuffled at once

void
block_open(struct block *block, unsigned c)
{
    secret_begin();
    block->free = NULL;
    block->carved = 0;
    block->used = 0;
    block->chunk_bytes = (uint32_t)size_class_bytes(c);
    block->capacity = (uint32_t)(BLOCK_BYTES / block->chunk_bytes);
    block->size_class = (uint8_t)c;
}

// The beginning of a chunk that has been cut.
static bool
block_has(const struct block *block, const char *start, const void *p)
{
    // BEGIN STEP 2: return true;
    size_t at = (size_t)((const char *)p - start);
    uint32_t carved = atomic_load_explicit(&block->carved, memory_order_relaxed);

    return (const char *)p >= start && at % block->chunk_bytes == 0 &&
           at / block->chunk_bytes < carved;
    // END STEP 2
}

void
block_check_live(const struct block *block, const char *start, const void *p)
{
    // BEGIN STEP 2:
    if (!block_has(block, start, p)) {
        fault("free() of an address at which no object begins");
    }
    if (chunk_is_marked(p)) {
        fault("free() of an object that is free already");
    }
    // END STEP 2
}

// Cuts a few chunks, and puts them into the list, which is empty, in random order.
static void
block_carve(struct block *block, char *start)
{
    // BEGIN STEP 3:
    uint32_t first = block->carved;
    uint32_t left = block->capacity - first;
    uint32_t count = left < CARVE_MAX ? left : CARVE_MAX;
    uint32_t order[CARVE_MAX];

    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = random_below(i + 1);
        order[i] = order[other];
        order[other] = first + i;
    }
    atomic_store_explicit(&block->carved, first + count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        void *cut = start + (size_t)order[i] * block->chunk_bytes;
        struct chunk *chunk = cut;
        chunk_set_next(chunk, block->free);
        chunk_set_mark(chunk, true);
        block->free = chunk;
    }
    // END STEP 3
}

void *
block_take(struct block *block, char *start)
{
    // BEGIN STEP 3: return NULL;
    if (block->free == NULL) {
        block_carve(block, start);
    }
    struct chunk *chunk = block->free;
    struct chunk *next = chunk_next(chunk);
    if (next != NULL && !block_has(block, start, next)) {
        fault("a free object was written to: its link is broken");
    }
    chunk_set_mark(chunk, false);
    block->free = next;
    block_count(block, 1);
    return chunk;
    // END STEP 3
}

void
block_put(struct block *block, void *p)
{
    // BEGIN STEP 3:
    struct chunk *chunk = p;

    chunk_set_next(chunk, block->free);
    block->free = chunk;
    block_count(block, (uint32_t)-1);
    // END STEP 3
}
