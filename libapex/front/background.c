// SPDX-License-Identifier: MIT
//
// The thread that gives memory back by age; see background.h.

#include "front/background.h"

#include "base/atomic.h"
#include "base/compiler.h"
#include "os/lock.h"
#include "os/os.h"
#include "os/os_page.h"
#include "os/os_thread.h"
#include "policy/heaps.h"
#include "policy/pool.h"
#include "view/attach.h"

#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
#define NAP_MS_MIN 10
#define NAP_MS_MAX 1000
#define NAP_SHARE 4        // of decay_ms
#define SLEEP_MS_MAX 60000 // with nothing to purge
#define RETRY_MS 10000     // after the kernel or libc refused a thread

enum { ABSENT, PRESENT };

static uint32_t state; // atomic
static uint64_t retry_ns;
static int filters;    // seccomp filters at the start
static pid_t process;  // that of which `state` tells: a vfork's child shares this memory
static struct lock work_lock = LOCK_INIT(LOCK_RANK_BACKGROUND);
static bool stopped; // under the lock

static uint64_t
background_purge(void)
{
    uint64_t pending = 0;

    lock_acquire(&work_lock);
    if (!stopped) {
        heaps_sweep(pool_decay_ns());
        pool_decay();
        attach_poll(os_now_ns());
        pending = pool_pending() + heaps_home();
    }
    lock_release(&work_lock);
    return pending;
}

// What is pending may be something that the kernel does not take (locked memory): each time that
// nothing has changed, the next look is later.
static uint64_t
background_nap_ms(uint64_t before, uint64_t pending, uint64_t last_ms)
{
    uint64_t nap = config_value(decay_ms) / NAP_SHARE;

    if (pending == before) {
        nap = last_ms * 2;
    }
    nap = nap < NAP_MS_MIN ? NAP_MS_MIN : nap;
    return nap > NAP_MS_MAX ? NAP_MS_MAX : nap;
}

static uint64_t
background_sleep_ms(void)
{
    uint64_t now = os_now_ns();
    uint64_t due = attach_due_ns();
    uint64_t left = due > now ? (due - now) / NS_PER_MS + 1 : NAP_MS_MIN;

    return left > SLEEP_MS_MAX ? SLEEP_MS_MAX : left;
}

static void
background_main(void)
{
    uint64_t pending = 0;
    uint64_t nap_ms = 0;

    while (config_value(background_thread) != 0) {
        uint64_t before = pending;
        pending = background_purge();
        if (pending != 0) {
            nap_ms = background_nap_ms(before, pending, nap_ms);
            os_sleep_ns((uint32_t)(nap_ms * NS_PER_MS));
        } else {
            nap_ms = 0;
            pool_await_pending(background_sleep_ms() * NS_PER_MS);
        }
    }
    store_relaxed(&state, (uint32_t)ABSENT); // nothing is handed over
}

void
background_init(void)
{
    process = getpid();
    if (config_value(background_thread) != 0) {
        filters = os_sandbox_filters();
    }
}

static bool
background_may_start(void)
{
    return process != 0 && getpid() == process && !os_secure() &&
           os_sandbox_filters() == filters;
}

static SLOW void
background_start_now(void)
{
    uint32_t expected = ABSENT;
    uint64_t now = os_now_ns();

    if (now < load_relaxed(&retry_ns) || lock_fork_self() || !background_may_start() ||
        !cas_strong_acquire(&state, &expected, PRESENT)) {
        return;
    }
    if (os_thread_start(background_main, "apex-purge") != 0) {
        store_relaxed(&retry_ns, now + RETRY_MS * NS_PER_MS);
        store_relaxed(&state, (uint32_t)ABSENT);
    }
}

void
background_start(void)
{
    if (unlikely(config_value(background_thread) != 0) && load_relaxed(&state) == ABSENT) {
        background_start_now();
    }
}

void
background_stop(void)
{
    // Nobody holds the lock for long but while it purges.
    lock_acquire(&work_lock);
    stopped = true;
    lock_release(&work_lock);
}

void
background_fork_child(void)
{
    lock_renew(&work_lock);
    state = ABSENT;
    if (process != 0) { // else a constructor forks before ours has run: it is to run in the child
        process = getpid();
    }
}
