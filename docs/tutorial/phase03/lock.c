// SPDX-License-Identifier: MIT
//
// Acquire and release are one instruction each while nobody waits, and the kernel hears of neither.
//
// Invariant
//   L1  While a thread sleeps, the state is AWAITED, or somebody is about to wake one.

#include "lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

// Sleeps if the state is AWAITED, until lock_wake() or for no reason.
static void
lock_sleep(struct lock *lock)
{
    int saved = errno;

    syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, LOCK_AWAITED, NULL, NULL, 0);
    errno = saved;
}

// Wakes one of those that sleep.
static void
lock_wake(struct lock *lock)
{
    int saved = errno;

    syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}

void
lock_acquire(struct lock *lock)
{
    // BEGIN STEP 1:
    int state = LOCK_FREE;

    if (atomic_compare_exchange_strong(&lock->state, &state, LOCK_HELD)) {
        return;
    }
    while (atomic_exchange(&lock->state, LOCK_AWAITED) != LOCK_FREE) {
        lock_sleep(lock);
    }
    // END STEP 1
}

void
lock_release(struct lock *lock)
{
    // BEGIN STEP 1:
    if (atomic_exchange(&lock->state, LOCK_FREE) == LOCK_AWAITED) {
        lock_wake(lock);
    }
    // END STEP 1
}
