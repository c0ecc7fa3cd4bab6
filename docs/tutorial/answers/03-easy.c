// SPDX-License-Identifier: MIT
//
// Exercise 1 of phase III: looks a few times before it sleeps.

// IN lock.c
#define SPINS_MAX 100

void
lock_acquire(struct lock *lock)
{
    for (int i = 0; i < SPINS_MAX; i++) {
        int state = LOCK_FREE;
        if (atomic_load_explicit(&lock->state, memory_order_relaxed) == LOCK_FREE &&
            atomic_compare_exchange_strong(&lock->state, &state, LOCK_HELD)) {
            return;
        }
    }
    while (atomic_exchange(&lock->state, LOCK_AWAITED) != LOCK_FREE) {
        lock_sleep(lock);
    }
}
