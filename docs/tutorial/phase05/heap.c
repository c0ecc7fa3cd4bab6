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

#include "heap.h"

#include "block.h"
#include "heap_block.h"
#include "heap_list.h"
#include "heap_return.h"
#include "large.h"
#include "options.h"
#include "superblock.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FREED_BYTE 0xdd

// What was never allocated here must not be freed here: nothing good can come of going on.
__attribute__((noreturn)) static void
heap_refuse(void)
{
    static const char complaint[] = "libtiny: free() of an address that is not ours\n";

    ssize_t said = write(2, complaint, sizeof complaint - 1);
    (void)said;
    abort();
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

// Until it is in a list, the memory is still the caller's.
static void
heap_fill(void *p)
{
    if (atomic_load(&options.fill)) {
        memset(p, FREED_BYTE, heap_usable_bytes(p));
    }
}

void
heap_free(void *p)
{
    struct span *span = registry_find(p);

    if (span == NULL) {
        heap_refuse();
    }
    heap_fill(p);
    struct block *block = span->kind == SPAN_LARGE ? NULL : superblock_block_of(p);
    // BEGIN STEP 3:
    if (block == NULL || block->state == BLOCK_LARGE) {
        heap_free_large(span, block);
    } else if (block->owner == thread_mine) {
        heap_put(block, p);
    } else {
        heap_return(block, p);
    }
    // END STEP 3
}
