// SPDX-License-Identifier: MIT
//
// The heap: for each size class a list of blocks that have room. Objects larger than the largest
// class are runs of blocks, and those larger than the longest run have their own mappings.
//
// Invariants
//   H1  A block with chunks is in the list of its class if and only if a chunk can be taken of it.
//   H2  An empty block is in the list only if it is alone there: others go back to their
//       superblock.
//   H3  Whoever changes a list, a superblock or a large object holds heap_one.
//
// Nothing here is made before it is used: all of it is right when it reads as zero. For the
// descriptor of a live object nobody needs the lock, since only the end of the object changes it.

#include "heap.h"

#include "block.h"
#include "heap_large.h"
#include "heap_list.h"
#include "large.h"
#include "options.h"
#include "size_class.h"
#include "superblock.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FREED_BYTE 0xdd

// A fresh block for class `c`, in the list. NULL when there is no memory.
static struct block *
heap_open(unsigned c)
{
    struct block *block = superblock_take(1, BLOCK_BYTES);

    if (block != NULL) {
        block_open(block, c);
        block->state = BLOCK_CHUNKS;
        heap_enter(block);
    }
    return block;
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

static void *
heap_alloc_alone(size_t size, size_t align)
{
    if (size > CHUNK_BYTES_MAX || align > CHUNK_BYTES_MAX) {
        return heap_alloc_large(size, align);
    }
    unsigned c = size_class_of(align > ALIGN_BYTES ? heap_power_of_two(size, align) : size);
    struct block *block = heap_available[c];
    if (block == NULL && (block = heap_open(c)) == NULL) {
        return NULL;
    }
    void *p = block_take(block, superblock_memory(block));
    if (block->used == block->capacity) {
        heap_leave(block);
    }
    return p;
}

void *
heap_alloc(size_t size, size_t align)
{
    heap_begin();
    void *p = heap_alloc_alone(size, align);
    heap_end();
    return p;
}

// What was never allocated here must not be freed here: nothing good can come of going on.
static void
heap_refuse(void)
{
    static const char complaint[] = "libtiny: free() of an address that is not ours\n";

    ssize_t said = write(2, complaint, sizeof complaint - 1);
    (void)said;
    abort();
}

static void
heap_put(struct block *block, void *p)
{
    bool was_full = block->used == block->capacity;
    block_put(block, p);
    if (was_full) {
        heap_enter(block);
    }
    bool alone = block->next == NULL && block->previous == NULL;
    if (block->used == 0 && !alone) {
        heap_leave(block);
        superblock_give(block);
    }
}

static void
heap_free_alone(void *p)
{
    // BEGIN STEP 6:
    struct span *span = registry_find(p);

    if (span->kind == SPAN_LARGE) {
        large_free((struct large *)span);
        return;
    }
    struct block *block = superblock_block_of(p);
    if (block->state == BLOCK_LARGE) {
        superblock_give(block);
    } else {
        heap_put(block, p);
    }
    // END STEP 6
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
    // BEGIN STEP 6:
    if (registry_find(p) == NULL) {
        heap_refuse();
    }
    // END STEP 6
    heap_fill(p);
    heap_begin();
    heap_free_alone(p);
    heap_end();
}
