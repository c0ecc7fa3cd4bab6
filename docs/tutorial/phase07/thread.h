// SPDX-License-Identifier: MIT
//
// A heap for each thread: the blocks that it allocates from without asking anybody. When the thread
// exits, its heap waits for another thread, which goes on with it as it is.
//
//   thread ──▶ thread_heap ──▶ available[c] ──▶ block ⇄ block
//                          ──▶ returned ──▶ chunk ──▶ chunk      freed by other threads, who
//                                                                push them without the lock
//
// Invariant
//   T1  A heap is that of one thread, or it is idle.

#ifndef TINY_THREAD_H
#define TINY_THREAD_H

#include "block.h"
#include "quarantine.h"
#include "remote.h"
#include "size_class.h"

struct thread_heap {
    struct block *available[SIZE_CLASS_COUNT]; // that have room; the owner's
    struct remote returned;                    // any thread pushes, the owner takes
    struct quarantine quarantine;              // the owner's
    struct thread_heap *next_idle;             // under the lock
};

// The model of access must be the one that asks nobody where the variable is: for the usual one
// libc may have to allocate it first.
#define OF_THREAD __attribute__((tls_model("initial-exec"))) __thread

// The calling thread's heap; NULL until it first allocates, and again after its exit has begun.
extern OF_THREAD struct thread_heap *thread_mine;

// Gives the calling thread, which has none, a heap. NULL when there is no memory. With the lock;
// call thread_watch() without it.
struct thread_heap *thread_open(void);

// Has the heap given up when the calling thread exits. May allocate.
void thread_watch(void);

// Once, when the process begins.
void thread_begin(void);

#endif
