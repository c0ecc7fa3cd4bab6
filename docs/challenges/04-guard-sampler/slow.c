// SPDX-License-Identifier: MIT
//
// For threads.c: who holds a lock holds it for a while, so that a fork meets him. The linker leads
// the calls here (--wrap).

#include "lock.h"

#include <pthread.h>

enum { TURNS = 2000 };

void __real_lock_release(struct lock *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);

static void
slow_wait(void)
{
    for (volatile int i = 0; i < TURNS; i++) {
    }
}

void
__wrap_lock_release(struct lock *lock)
{
    slow_wait();
    __real_lock_release(lock);
}

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    slow_wait();
    return __real_pthread_mutex_unlock(mutex);
}
