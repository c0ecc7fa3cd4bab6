// SPDX-License-Identifier: MIT
//
// A lock on a futex, with a rank. pthread_mutex_t will not do: it may be interposed, its size
// differs between libcs, and the child of a fork must be able to make it new.
//
// Order: a thread takes locks in rising rank only (debug builds check it). Nothing under a lock
// calls the kernel for longer than one mmap (registration excepted, for which nobody waits but a
// fork), and nothing under a lock allocates through malloc.

#ifndef APEX_OS_LOCK_H
#define APEX_OS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

enum lock_rank {
    LOCK_RANK_BACKGROUND, // the thread of `background_thread` works (front/background.c)
    LOCK_RANK_SWEEP,      // sweep for sleepers (policy/heaps.c); only ever tried
    LOCK_RANK_ATTACH,     // registration with apexd; only tried, but around fork (view/attach.c)
    LOCK_RANK_HEAPS,      // list of heaps (policy/heaps.c)
    LOCK_RANK_ORPHAN,     // orphan blocks (policy/orphan.c)
    LOCK_RANK_QUARANTINE, // what all threads have in quarantine (policy/quarantine_global.c)
    LOCK_RANK_STEER,      // shares of nodes (policy/steer.c)
    LOCK_RANK_POOL,       // superblocks and their free blocks (policy/pool.c)
    LOCK_RANK_LARGE,      // large objects and their cache (core/large.c)
    LOCK_RANK_EMPTY,      // addresses of objects of no bytes (core/empty.c)
    LOCK_RANK_REGISTRY,   // radix nodes (core/registry.c)
    LOCK_RANK_META,       // metadata arena (core/meta.c)
    LOCK_RANK_VAULT,      // sealed records (core/vault.c)
    LOCK_RANK_CONFIG,     // options that change (policy/config.c)
};

struct lock {
    uint32_t state; // 0 free, 1 held, 2 held and somebody may sleep
    uint32_t rank;
};

#define LOCK_INIT(rank_) {.state = 0, .rank = (rank_)}

void lock_acquire(struct lock *lock);
bool lock_try(struct lock *lock);
void lock_release(struct lock *lock);

// Between these two the calling thread holds every lock: it forks, and fork handlers of the program
// that run meanwhile may allocate. Its acquires and releases pass, its tries fail; other threads
// wait as ever. Called in the parent and, by the thread that is left, in the child.
void lock_fork_begin(void);
void lock_fork_end(void);

// True for the thread between the two.
bool lock_fork_self(void);

// In the child of a fork: whoever held or awaited it is gone. The caller is the only thread, and it
// held the lock when it forked; afterwards the lock is free.
void lock_renew(struct lock *lock);

#endif
