// SPDX-License-Identifier: MIT
//
// One lock for all of the heap, and who has it: the part of heap.c that the next phases take over.

#include "heap.h"

#include "lock.h"

#include <stdbool.h>

static struct lock heap_one;

// The model of access must be the one that asks nobody where the variable is: for the usual one
// libc may have to allocate it first.
#define OF_THREAD __attribute__((tls_model("initial-exec"))) __thread

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
