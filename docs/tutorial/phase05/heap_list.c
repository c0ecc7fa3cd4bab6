// SPDX-License-Identifier: MIT
//
// A block is in its owner's list of its class if and only if a chunk can be taken of it (H1), and
// an empty one only if it is alone there (H2).

#include "heap_list.h"

#include "heap_block.h"
#include "superblock.h"
#include "thread.h"

#include <stdbool.h>

void
heap_enter(struct block *block)
{
    struct block **list = &block->owner->available[block->size_class];

    block->previous = NULL;
    block->next = *list;
    if (*list != NULL) {
        (*list)->previous = block;
    }
    *list = block;
}

static void
heap_leave(struct block *block)
{
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        block->owner->available[block->size_class] = block->next;
    }
}

void *
heap_take(struct block *block)
{
    void *p = block_take(block, superblock_memory(block));

    if (block->used == block->capacity) {
        heap_leave(block);
    }
    return p;
}

void
heap_put(struct block *block, void *p)
{
    // BEGIN STEP 3:
    bool was_full = block->used == block->capacity;

    block_put(block, p);
    if (was_full) {
        heap_enter(block);
    }
    bool alone = block->next == NULL && block->previous == NULL;
    if (block->used == 0 && !alone) {
        heap_leave(block);
        heap_give(block);
    }
    // END STEP 3
}
