// SPDX-License-Identifier: MIT
//
// Registration with apexd: shows it the stats page, and does so again whenever the daemon was
// restarted. The program that libapex serves must not notice: no descriptor is kept, nothing
// waits for longer than a few milliseconds, errno stays, and a daemon that is absent, dead or
// hostile makes no difference.
//
// Nothing happens when the option `register` is off, or the program runs with more rights than
// its caller; nor inside a seccomp sandbox, whose answer to socket() might be to kill the
// program. (A sandbox that was there at the start is tolerated when the option `runtime_dir` or
// $APEX_RUNTIME_DIR names the daemon: then somebody means it.)
//
// Threads: attach_init once, before the second thread. attach_poll and attach_try from any
// thread that holds no lock; when two meet, one of them returns at once. The fork functions
// around fork.

#ifndef APEX_VIEW_ATTACH_H
#define APEX_VIEW_ATTACH_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "view/stats_page.h"

#include <stdint.h>

// `mirror_all` copies the counters of every heap and of the process into the page. It is called
// whenever there is a fresh page, by the thread that made it, with no lock held but attach.c's own.
// Options are loaded already.
void attach_init(void (*mirror_all)(void));

// One attempt to register, now. For the constructor of the library.
void attach_try(void);

// When attach_poll will next have something to do, UINT64_MAX for never.
FAST uint64_t
attach_due_ns(void)
{
    // Pairs with the release in stats_page_protect.
    return load_relaxed(&load_acquire(&stats_page_guard)->due_ns);
}

SLOW void attach_poll_due(uint64_t now_ns);

// For housekeeping on slow paths: two loads and a comparison when there is nothing to do.
FAST void
attach_poll(uint64_t now_ns)
{
    if (unlikely(now_ns >= attach_due_ns())) {
        attach_poll_due(now_ns);
    }
}

// Around fork, before and after the locks of the heaps: no attempt is under way while the
// process is copied, so no child inherits a descriptor of one. Nor does a handler of a signal fork
// amid one: all signals are held back meanwhile.
void attach_fork_prepare(void);
void attach_fork_parent(void);

// The child starts without a page, and registers on a slow path of its own if it lives long enough.
void attach_fork_child(void);

#endif
