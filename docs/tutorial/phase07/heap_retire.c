// SPDX-License-Identifier: MIT
//
// Overwriting, quarantine, and a look whether somebody has written to what was free.

#include "heap_retire.h"

#include "fault.h"
#include "heap.h"
#include "heap_list.h"
#include "options.h"
#include "superblock.h"
#include "thread.h"

#include <string.h>

#define FREED_BYTE 0xdd

void
heap_fill(void *p)
{
    if (atomic_load(&options.fill)) {
        memset(p, FREED_BYTE, heap_usable_bytes(p));
    }
}

// With TINY_OPTIONS=fill: what was written over when it was freed is still like that.
static void
heap_check_filled(const struct block *block, const struct chunk *chunk)
{
    // BEGIN STEP 5:
    const unsigned char *bytes = (const unsigned char *)chunk;

    for (size_t i = sizeof *chunk; i < block->chunk_bytes; i++) {
        if (bytes[i] != FREED_BYTE) {
            fault("a free object was written to");
        }
    }
    // END STEP 5
}

void
heap_retire(struct block *block, struct chunk *chunk)
{
    // BEGIN STEP 4: heap_put(block, chunk);
    if (block->chunk_bytes <= QUARANTINE_BYTES_MAX) {
        chunk_set_next(chunk, chunk); // so that a write to it is found
        chunk = quarantine_swap(&block->owner->quarantine, chunk);
    }
    if (chunk == NULL) {
        return;
    }
    block = superblock_block_of(chunk);
    if (block->chunk_bytes <= QUARANTINE_BYTES_MAX && chunk_next(chunk) != chunk) {
        fault("a free object was written to: its link is broken");
    }
    if (atomic_load(&options.fill)) {
        heap_check_filled(block, chunk);
    }
    heap_put(block, chunk);
    // END STEP 4
}
