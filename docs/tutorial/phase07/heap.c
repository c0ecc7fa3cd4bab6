// SPDX-License-Identifier: MIT
//
// The heap: each thread has its own lists of blocks with room, and needs the lock only when such a
// list is empty, for a block that became empty, and for large objects. What another thread has
// allocated is left to that thread (heap_return.h). Freeing is here, allocating in heap_alloc.c.
//
// Invariants
//   H1  A block with chunks is in its owner's list of its class if and only if a chunk can be taken
//       of it.
//   H2  An empty block is in the list only if it is alone there: others go back to their
//       superblock.
//   H3  Whoever changes a superblock or a large object holds the lock.
//   H4  Only its owner changes the lists of a heap and the chunks of a block.
//
// While an object is live, its block keeps its owner and its class: whoever has the object may read
// them. A heap that another thread adopts stays the owner of its blocks.
//
// What is freed is looked at first, marked, and kept in quarantine; only then is it put back.

#include "heap.h"

#include "block.h"
#include "fault.h"
#include "heap_block.h"
#include "heap_retire.h"
#include "heap_return.h"
#include "large.h"
#include "superblock.h"
#include "thread.h"

// Ends the process unless an object begins at `p`.
static void
heap_check(const struct span *span, const void *p)
{
    // BEGIN STEP 2:
    if (span == NULL) {
        fault("free() of an address that is not ours");
    }
    const struct large *large = (const struct large *)span;
    if (span->kind == SPAN_LARGE) {
        if (p != large->mapped + large->mapped_bytes - large->object_bytes) {
            fault("free() of an address at which no object begins");
        }
        return;
    }
    const struct block *block = superblock_block_of(p);
    const char *start = superblock_memory(block);
    if (block->state == BLOCK_CHUNKS) {
        block_check_live(block, start, p);
    } else if (block->state != BLOCK_LARGE || p != start) {
        fault("free() of an address at which no object begins");
    }
    // END STEP 2
}

static void
heap_free_large(struct span *span, struct block *block)
{
    if (span->kind != SPAN_LARGE) {
        heap_give(block);
        return;
    }
    heap_begin();
    large_free((struct large *)span);
    heap_end();
}

// An object of a block with chunks, which has been looked at.
static void
heap_free_chunk(struct block *block, struct chunk *chunk)
{
    chunk_set_mark(chunk, true);
    if (block->owner == thread_mine) {
        heap_retire(block, chunk);
    } else {
        heap_return(block, chunk);
    }
}

void
heap_free(void *p)
{
    struct span *span = registry_find(p);

    heap_check(span, p);
    heap_fill(p);
    struct block *block = span->kind == SPAN_LARGE ? NULL : superblock_block_of(p);
    if (block == NULL || block->state == BLOCK_LARGE) {
        heap_free_large(span, block);
    } else {
        heap_free_chunk(block, p);
    }
}
