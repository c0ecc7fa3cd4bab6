// SPDX-License-Identifier: MIT
//
// A list for each heap, under the lock.

#include "heap_return.h"

#include "heap.h"
#include "heap_list.h"
#include "superblock.h"
#include "thread.h"

void
heap_return(struct block *block, void *p)
{
    // BEGIN STEP 5:
    struct chunk *chunk = p;

    heap_begin();
    chunk->next = block->owner->returned;
    block->owner->returned = chunk;
    heap_end();
    // END STEP 5
}

void
heap_collect(struct thread_heap *mine)
{
    // BEGIN STEP 5:
    heap_begin();
    struct chunk *chunk = mine->returned;
    mine->returned = NULL;
    heap_end();
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        heap_put(superblock_block_of(chunk), chunk);
        chunk = next;
    }
    // END STEP 5
}
