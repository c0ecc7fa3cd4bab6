// SPDX-License-Identifier: MIT
//
// The futex lock: "mutex 2" of Drepper's "Futexes Are Tricky" (2011), with a short spin in front.

#include "os/lock.h"

#include "base/atomic.h"
#include "base/check.h"
#include "os/os.h"

#include <pthread.h>

enum { FREE = 0, HELD = 1, CONTENDED = 2 };

// Spins before it sleeps: about the length of the longest critical section without a system call.
#define SPIN_COUNT_MAX 100

// Bit r is set while this thread holds a lock of rank r. Debug builds only, so that the static TLS
// footprint of the library stays at one pointer.
#ifdef APEX_DEBUG
static __thread uint32_t held_ranks;
#define HELD_RANKS held_ranks
#else
#define HELD_RANKS (*(uint32_t[]){0})
#endif

static void
lock_note_acquired(const struct lock *lock)
{
    apex_assert(HELD_RANKS >> lock->rank == 0);
    HELD_RANKS |= 1u << lock->rank;
}

// The thread that forks, by its pthread_self(), which is the same in the child; 0 when none does.
static uintptr_t forking_thread;

void
lock_fork_begin(void)
{
    store_relaxed(&forking_thread, (uintptr_t)pthread_self());
}

void
lock_fork_end(void)
{
    store_relaxed(&forking_thread, 0);
}

bool
lock_fork_self(void)
{
    uintptr_t thread = load_relaxed(&forking_thread);
    return unlikely(thread != 0) && thread == (uintptr_t)pthread_self();
}

bool
lock_try(struct lock *lock)
{
    uint32_t expected = FREE;

    // The thread that forks holds what it needs, and its release would pass: it must not take more.
    if (lock_fork_self()) {
        return false;
    }
    // Pairs with the release in lock_release.
    if (!cas_strong_acquire(&lock->state, &expected, HELD)) {
        return false;
    }
    lock_note_acquired(lock);
    return true;
}

void
lock_acquire(struct lock *lock)
{
    if (lock_fork_self()) {
        return;
    }
    for (unsigned i = 0; i < SPIN_COUNT_MAX; i++) {
        if (load_relaxed(&lock->state) == FREE && lock_try(lock)) {
            return;
        }
        cpu_relax();
    }
    // From here on the state says CONTENDED: the holder must wake somebody. Pairs with
    // lock_release.
    while (exchange_acquire(&lock->state, CONTENDED) != FREE) {
        os_futex_wait(&lock->state, CONTENDED);
    }
    lock_note_acquired(lock);
}

void
lock_release(struct lock *lock)
{
    if (lock_fork_self()) {
        return;
    }
    HELD_RANKS &= ~(1u << lock->rank);
    // Pairs with the acquires above: what was written under the lock is seen by the next holder.
    if (exchange_acq_rel(&lock->state, FREE) == CONTENDED) {
        os_futex_wake(&lock->state, 1);
    }
}

void
lock_renew(struct lock *lock)
{
    HELD_RANKS &= ~(1u << lock->rank);
    store_relaxed(&lock->state, FREE);
}
