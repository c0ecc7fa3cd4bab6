// SPDX-License-Identifier: MIT
//
// A list for each heap, without a lock: a message to the owner, who looks whether it was changed on
// its way.

#include "heap_return.h"

#include "fault.h"
#include "heap_retire.h"
#include "superblock.h"
#include "thread.h"

void
heap_return(struct block *block, void *p)
{
    remote_push(&block->owner->returned, p);
}

void
heap_collect(struct thread_heap *mine)
{
    struct chunk *chunk = remote_take_all(&mine->returned);

    while (chunk != NULL) {
        if (registry_find(chunk) == NULL || superblock_block_of(chunk)->owner != mine) {
            fault("a free object was written to: its link is broken");
        }
        struct chunk *next = chunk_next(chunk);
        heap_retire(superblock_block_of(chunk), chunk);
        chunk = next;
    }
}
