// SPDX-License-Identifier: MIT
//
// A Dekker handshake: each side stores its own word, then reads the other's, with a full fence
// between. At least one of them sees the other.

#include "policy/gate.h"

#include "base/atomic.h"
#include "base/check.h"
#include "os/lock.h"
#include "os/os.h"

// Yielding does not help against a thread of higher real-time priority; sleeping does.
#define YIELD_COUNT_MAX 64
#define SLEEP_NS 50000

static uint32_t closed;

void
gate_enter(struct gate_pass *pass)
{
    if (lock_fork_self()) {
        return; // it has closed the gate itself, and all others are out
    }
    for (;;) {
        store_relaxed(&pass->inside, 1);
        fence_full(); // pairs with the fence in gate_close
        if (likely(load_relaxed(&closed) == 0)) {
            return;
        }
        store_release(&pass->inside, 0);
        os_futex_wait(&closed, 1);
    }
}

void
gate_leave(struct gate_pass *pass)
{
    // Pairs with the acquire in gate_wait: the delivery is complete in memory before the fork.
    store_release(&pass->inside, 0);
}

void
gate_close(void)
{
    store_relaxed(&closed, 1);
    fence_full(); // pairs with the fence in gate_enter
}

void
gate_wait(const struct gate_pass *pass)
{
    // A delivery is a few instructions long, but its thread may have been preempted by this one.
    for (unsigned tries = 0; load_acquire(&pass->inside) != 0; tries++) {
        if (tries < YIELD_COUNT_MAX) {
            os_yield();
        } else {
            os_sleep_ns(SLEEP_NS);
        }
    }
}

void
gate_open(void)
{
    store_release(&closed, 0);
    os_futex_wake(&closed, INT32_MAX);
}
