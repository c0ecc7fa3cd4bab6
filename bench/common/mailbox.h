// SPDX-License-Identifier: MIT
//
// Where other threads leave memory for a thread to free: a stack without locks. Threads work in
// rounds, and none gets far ahead of the one it sends to, so that memory does not depend on which
// of them gets the processor.

#ifndef APEX_BENCH_COMMON_MAILBOX_H
#define APEX_BENCH_COMMON_MAILBOX_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { MAILBOX_LEAD = 8 };

// The first word of what is sent.
struct letter {
    struct letter *next;
};

// A line of the cache, and the one that is fetched with it, for each. Zeroed is empty.
struct mailbox {
    _Alignas(128) _Atomic(struct letter *) letters;
    atomic_ulong rounds; // that its owner has done
};

static inline void
mailbox_put(struct mailbox *box, struct letter *letter)
{
    letter->next = atomic_load_explicit(&box->letters, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&box->letters, &letter->next, letter,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

// Takes all letters out, the newest first; `end` frees each.
static inline void
mailbox_empty(struct mailbox *box, void (*end)(struct letter *letter))
{
    struct letter *letter = atomic_exchange_explicit(&box->letters, NULL, memory_order_acquire);

    while (letter != NULL) {
        struct letter *next = letter->next;
        end(letter);
        letter = next;
    }
}

static inline void
mailbox_end_round(struct mailbox *own)
{
    atomic_fetch_add_explicit(&own->rounds, 1, memory_order_relaxed);
}

// Whether the owner of `own` may go on, being at most MAILBOX_LEAD rounds ahead of the owner of
// `to`. If not, lets another thread run first. The one behind all others never waits.
static inline bool
mailbox_in_step(const struct mailbox *own, const struct mailbox *to)
{
    if (atomic_load_explicit(&own->rounds, memory_order_relaxed) <=
        atomic_load_explicit(&to->rounds, memory_order_relaxed) + MAILBOX_LEAD) {
        return true;
    }
    sched_yield();
    return false;
}

#endif
