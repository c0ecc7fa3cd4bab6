// SPDX-License-Identifier: MIT
//
// Allocating: the fast path, and where it leads when it fails. The invariants are those of heap.c.

#include "heap.h"

#include "heap_block.h"
#include "heap_large.h"
#include "heap_list.h"
#include "heap_return.h"
#include "size_class.h"
#include "thread.h"

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

// The calling thread's heap, which it gets if it has none.
static struct thread_heap *
heap_mine(void)
{
    // BEGIN STEP 2: return NULL;
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
    // END STEP 2
}

// A chunk when the list of class `c` is empty, or there is no list.
static void *
heap_alloc_slow(unsigned c)
{
    // BEGIN STEP 2: return NULL;
    struct thread_heap *mine = heap_mine();

    if (mine == NULL) {
        return NULL;
    }
    heap_collect(mine);
    struct block *block = mine->available[c];
    if (block == NULL && (block = heap_open(mine, c)) != NULL) {
        heap_enter(block);
    }
    return block == NULL ? NULL : heap_take(block);
    // END STEP 2
}

void *
heap_alloc(size_t size, size_t align)
{
    // BEGIN STEP 2: return NULL;
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
    // END STEP 2
}
