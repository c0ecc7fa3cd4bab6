// SPDX-License-Identifier: MIT
//
// The heap: for each size class a list of blocks that have room. Objects larger than the largest
// class are runs of blocks.
//
// Invariants
//   H1  A block with chunks is in the list of its class if and only if a chunk can be taken of it.
//   H2  An empty block is in the list only if it is alone there: others go back to the region.
//   H3  Whoever changes a list or the region holds heap_one.
//
// Nothing here is made before it is used: all of it is right when it reads as zero. For the
// descriptor of a live object nobody needs the lock, since only the end of the object changes it.

#include "heap.h"

#include "block.h"
#include "heap_list.h"
#include "lock.h"
#include "options.h"
#include "region.h"
#include "size_class.h"

#include <stdbool.h>
#include <string.h>

#define FREED_BYTE 0xdd

static struct lock heap_one;

// The model of access must be the one that asks nobody where the variable is: for the usual one
// libc may have to allocate it first.
#define OF_THREAD __attribute__((tls_model("initial-exec"))) __thread

// This thread is between heap_hold() and heap_let_go().
static OF_THREAD bool heap_held;

static void
heap_begin(void)
{
    // BEGIN STEP 4: lock_acquire(&heap_one);
    if (!heap_held) {
        lock_acquire(&heap_one);
    }
    // END STEP 4
}

static void
heap_end(void)
{
    // BEGIN STEP 4: lock_release(&heap_one);
    if (!heap_held) {
        lock_release(&heap_one);
    }
    // END STEP 4
}

void
heap_hold(void)
{
    lock_acquire(&heap_one);
    heap_held = true;
}

void
heap_let_go(void)
{
    heap_held = false;
    lock_release(&heap_one);
}

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
    if (size > REGION_BYTES) {
        return NULL; // and the sum below does not overflow
    }
    size_t blocks = (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
    struct block *first = region_take(blocks == 0 ? 1 : blocks, align);

    return first == NULL ? NULL : region_memory(first);
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
    void *p = block_take(block, region_memory(block));
    if (block->used == block->capacity) {
        heap_leave(block);
    }
    return p;
}

void *
heap_alloc(size_t size, size_t align)
{
    // BEGIN STEP 2: return heap_alloc_alone(size, align);
    heap_begin();
    void *p = heap_alloc_alone(size, align);
    heap_end();
    return p;
    // END STEP 2
}

static void
heap_free_alone(void *p)
{
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
}

// Until it is in a list, the memory is still the caller's.
static void
heap_fill(void *p)
{
    // BEGIN STEP 5:
    if (atomic_load(&options.fill)) {
        memset(p, FREED_BYTE, heap_usable_bytes(p));
    }
    // END STEP 5
}

void
heap_free(void *p)
{
    heap_fill(p);
    // BEGIN STEP 2: heap_free_alone(p);
    heap_begin();
    heap_free_alone(p);
    heap_end();
    // END STEP 2
}

size_t
heap_usable_bytes(const void *p)
{
    const struct block *block = region_block_of(p);

    return block->state == BLOCK_LARGE ? block->run_blocks * BLOCK_BYTES : block->chunk_bytes;
}
