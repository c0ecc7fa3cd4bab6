// SPDX-License-Identifier: MIT
//
// Blocks whose thread has exited while chunks of them live on, or has moved to another NUMA node.
// They wait by home and size class until a
// thread that needs the class adopts them, or until their last chunk is freed and they return to
// the pool. Other threads go on freeing into them: the orphanage is an owner with an inbox like any
// heap, and whoever holds its lock empties it. Any thread.

#ifndef APEX_POLICY_ORPHAN_H
#define APEX_POLICY_ORPHAN_H

#include "core/remote.h"
#include "policy/numa.h"

// How orphans tell the heap that empties the inbox that `count` chunks of class `c` came home: it
// keeps the statistics.
typedef void orphan_lost_fn(void *heap, unsigned c, uint32_t count);

// Takes over a block in no list, with live chunks. The caller owns it, and does not afterwards.
void orphan_put(struct block *b);

#define ORPHAN_ANYWHERE NUMA_HOMES

// A block of class `c` with free chunks, of `home` (policy/numa.h) or ORPHAN_ANYWHERE, now owned by
// `owner`, state MOVING; NULL when there is none. Empties the inbox first. `lost` is called with
// `heap`, under the lock.
struct block *orphan_adopt(unsigned c, unsigned home, struct owner *owner, orphan_lost_fn *lost,
                           void *heap);

// Empties the inbox if nobody else is at it: after a delivery to an orphan, so that blocks that
// have become empty go back to the pool although no thread asks for their class.
void orphan_drain(orphan_lost_fn *lost, void *heap);

bool orphan_is_owner(const struct owner *owner);

// Around fork; the child then takes the blocks of threads that exist no more.
void orphan_fork_prepare(void);
void orphan_fork_parent(void);
void orphan_fork_child(void);

#endif
