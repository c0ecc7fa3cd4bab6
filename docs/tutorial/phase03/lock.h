// SPDX-License-Identifier: MIT
//
// A lock on a futex: a word that the kernel can let a thread sleep on. It needs no initialisation,
// since a lock that reads as zero is free, and nobody can put another one in its place, as can be
// done with pthread_mutex_lock().
//
// Any thread, any time, from the first instruction of the program on. errno is kept.

#ifndef TINY_LOCK_H
#define TINY_LOCK_H

#include <stdatomic.h>

enum lock_state {
    LOCK_FREE = 0,
    LOCK_HELD,
    LOCK_AWAITED, // held, and somebody may sleep
};

struct lock {
    atomic_int state; // enum lock_state
};

// Waits until the lock is free and takes it. Not for a thread that holds it already.
void lock_acquire(struct lock *lock);

// By the thread that holds it.
void lock_release(struct lock *lock);

#endif
