// SPDX-License-Identifier: MIT
//
// The heap: each thread has its own lists of blocks with room, and needs the lock only when such a
// list is empty, for a block that became empty, and for large objects. What another thread has
// allocated is sent home to that thread, which is a list without a lock.
//
// Invariants
//   H1  A block with chunks is in its owner's list of its class if and only if a chunk can be taken
//       of it.
//   H2  An empty block is in the list only if it is alone there: others go back to their
//       superblock.
//   H3  Whoever changes a superblock or a large object holds heap_one.
//   H4  Only its owner changes the lists of a heap and the chunks of a block.
//
// While an object is live, its block keeps its owner and its class: whoever has the object may read
// them. A heap that another thread adopts stays the owner of its blocks.
//
// What is freed is looked at first, marked, and kept in quarantine; only then is it put back.

#include "heap.h"

#include "block.h"
#include "fault.h"
#include "large.h"
#include "lock.h"
#include "options.h"
#include "purge.h"
#include "size_class.h"
#include "superblock.h"
#include "thread.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FREED_BYTE 0xdd

static struct lock heap_one;

// This thread is between heap_hold() and heap_let_go().
static OF_THREAD bool heap_held;

void
heap_begin(void)
{
    if (!heap_held) {
        lock_acquire(&heap_one);
    }
}

void
heap_end(void)
{
    if (!heap_held) {
        lock_release(&heap_one);
    }
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

static void
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

// A fresh block for class `c` of `mine`, in the list. NULL when there is no memory. With the lock.
static struct block *
heap_open(struct thread_heap *mine, unsigned c)
{
    struct block *block = superblock_take(1, BLOCK_BYTES);

    if (block != NULL) {
        block_open(block, c);
        block->owner = mine;
        block->state = BLOCK_CHUNKS;
        heap_enter(block);
    }
    return block;
}

static void *
heap_alloc_large(size_t size, size_t align)
{
    const size_t run_bytes_max = RUN_BLOCKS_MAX * BLOCK_BYTES;

    if (size > run_bytes_max || align > run_bytes_max) {
        return large_alloc(size, align);
    }
    size_t blocks = (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
    struct block *first = superblock_take(blocks == 0 ? 1 : blocks, align);

    return first == NULL ? NULL : superblock_memory(first);
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

// A chunk of a block that is in the list.
static void *
heap_take(struct block *block)
{
    void *p = block_take(block, superblock_memory(block), &block->owner->random);

    if (block->used == block->capacity) {
        heap_leave(block);
    }
    return p;
}

// Gives a run back, and perhaps pages.
static void
heap_give(struct block *block)
{
    heap_begin();
    superblock_give(block);
    heap_end();
    // BEGIN STEP 5:
    purge_run();
    // END STEP 5
}

// Puts a chunk of a block of the calling thread back.
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
        heap_give(block);
    }
}

// With TINY_OPTIONS=fill: what was written over when it was freed is still like that.
static void
heap_check_filled(const struct block *block, const struct chunk *chunk)
{
    const unsigned char *bytes = (const unsigned char *)chunk;

    for (size_t i = sizeof *chunk; i < block->chunk_bytes; i++) {
        if (bytes[i] != FREED_BYTE) {
            fault("a free object was written to");
        }
    }
}

// A marked chunk of a block of the calling thread goes into quarantine, and another out of it.
static void
heap_retire(struct block *block, struct chunk *chunk)
{
    struct thread_heap *mine = block->owner;

    if (block->chunk_bytes <= QUARANTINE_BYTES_MAX) {
        chunk_set_next(chunk, chunk); // so that a write to it is found
        chunk = quarantine_swap(&mine->quarantine, chunk, &mine->random);
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
}

// Takes back what other threads have returned.
static void
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

// The calling thread's heap, which it gets if it has none.
static struct thread_heap *
heap_mine(void)
{
    struct thread_heap *mine = thread_mine;

    if (mine == NULL) {
        heap_begin();
        mine = thread_open();
        heap_end();
        if (mine != NULL) {
            thread_watch();
        }
    }
    return mine;
}

// A fresh block. Who needs one has time to look what has become old, too.
static struct block *
heap_refill(struct thread_heap *mine, unsigned c)
{
    heap_begin();
    struct block *block = heap_open(mine, c);
    heap_end();
    // BEGIN STEP 5:
    purge_run();
    // END STEP 5
    return block;
}

// A chunk when the list of class `c` is empty, or there is no list.
static void *
heap_alloc_slow(unsigned c)
{
    struct thread_heap *mine = heap_mine();

    if (mine == NULL) {
        return NULL;
    }
    heap_collect(mine);
    struct block *block = mine->available[c];
    if (block == NULL) {
        block = heap_refill(mine, c);
    }
    return block == NULL ? NULL : heap_take(block);
}

void *
heap_alloc(size_t size, size_t align)
{
    if (size > CHUNK_BYTES_MAX || align > CHUNK_BYTES_MAX) {
        heap_begin();
        void *p = heap_alloc_large(size, align);
        heap_end();
        return p;
    }
    unsigned c = size_class_of(align > ALIGN_BYTES ? heap_power_of_two(size, align) : size);
    struct thread_heap *mine = thread_mine;
    if (mine == NULL || mine->available[c] == NULL) {
        return heap_alloc_slow(c);
    }
    return heap_take(mine->available[c]);
}

// Ends the process unless an object begins at `p`.
static void
heap_check(const struct span *span, const void *p)
{
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
        remote_push(&block->owner->returned, chunk);
    }
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

    heap_check(span, p);
    heap_fill(p);
    struct block *block = span->kind == SPAN_LARGE ? NULL : superblock_block_of(p);
    if (block == NULL || block->state == BLOCK_LARGE) {
        heap_free_large(span, block);
    } else {
        heap_free_chunk(block, p);
    }
}

size_t
heap_usable_bytes(const void *p)
{
    const struct span *span = registry_find(p);

    if (span->kind == SPAN_LARGE) {
        return ((const struct large *)span)->object_bytes;
    }
    const struct block *block = superblock_block_of(p);
    return block->state == BLOCK_LARGE ? block->run_blocks * BLOCK_BYTES : block->chunk_bytes;
}
