// SPDX-License-Identifier: MIT
//
// Heaps are made in a block, one behind the other, and never unmade: there are as many as there
// were threads at once.

#include "thread.h"

#include "heap.h"
#include "superblock.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { HEAPS_PER_BLOCK = BLOCK_BYTES / sizeof(struct thread_heap) };

OF_THREAD struct thread_heap *thread_mine;

static struct thread_heap *thread_idle; // under the lock
static struct thread_heap *thread_room; // likewise: the block that heaps are made in
static size_t thread_made = HEAPS_PER_BLOCK;
static pthread_key_t thread_key;
static bool thread_key_there; // set before there is a second thread

static struct thread_heap *
thread_make(void)
{
    // BEGIN STEP 1: return NULL;
    if (thread_made == HEAPS_PER_BLOCK) {
        struct block *block = superblock_take(1, BLOCK_BYTES);
        if (block == NULL) {
            return NULL;
        }
        block->state = BLOCK_OWN;
        thread_room = (struct thread_heap *)(void *)superblock_memory(block);
        thread_made = 0;
    }
    struct thread_heap *heap = &thread_room[thread_made++];
    memset(heap, 0, sizeof *heap); // the block may have been somebody's
    return heap;
    // END STEP 1
}

struct thread_heap *
thread_open(void)
{
    // BEGIN STEP 1: return NULL;
    struct thread_heap *heap = thread_idle;

    if (heap != NULL) {
        thread_idle = heap->next_idle;
    } else {
        heap = thread_make();
    }
    thread_mine = heap;
    return heap;
    // END STEP 1
}

void
thread_watch(void)
{
    // BEGIN STEP 4:
    if (thread_key_there) {
        pthread_setspecific(thread_key, thread_mine);
    }
    // END STEP 4
}

// Others of the exiting thread's destructors may come later and allocate: then it gets a heap
// again, and this is called once more.
static void
thread_close(void *heap)
{
    // BEGIN STEP 4:
    struct thread_heap *mine = heap;

    heap_hold();
    thread_mine = NULL;
    mine->next_idle = thread_idle;
    thread_idle = mine;
    heap_let_go();
    // END STEP 4
}

void
thread_begin(void)
{
    thread_key_there = pthread_key_create(&thread_key, thread_close) == 0;
}
