// SPDX-License-Identifier: MIT
//
// All heaps of the process: one is opened when a thread first allocates and closed when the thread
// exits. They are summed for statistics, swept for what others freed for sleepers, and sorted out
// in the child of a fork. Any thread, unless it says otherwise.

#ifndef APEX_POLICY_HEAPS_H
#define APEX_POLICY_HEAPS_H

#include "policy/heap.h"

// Gives the calling thread a heap and makes it `heap_self.heap`. NULL when there is no memory.
struct heap *heaps_open(void);

// Takes it away again: delivers, gives back empty blocks, orphans the others.
void heaps_close(struct heap *heap);

// True if no more than one thread has a heap.
bool heaps_alone(void);

// Sums the counters of all heaps, live and idle. Racy by relaxed loads; see abi/stats_page.h.
void heaps_stats_sum(struct apex_stats_thread *sum, uint64_t *live);

// Gives every heap its slot and fills it. After a new stats page has been made.
void heaps_mirror_all(void);

// Gives back the pages of blocks that came home in full to threads which have not looked into their
// inbox for `idle_ns`; 0: to any thread but the calling one.
void heaps_sweep(uint64_t idle_ns);

// How much waits, having come home in full, in units of 64 KiB. A hint.
uint64_t heaps_home(void);

// The same for one heap, to whose thread much came home: at once, unless its thread has missed what
// was swept before. Any thread but its own.
void heaps_sweep_crowded(struct heap *sleeper);

// prepare() leaves the process with every lock held and no delivery under way. `self` is the heap
// of the thread that forked, NULL if it has none.
void heaps_fork_prepare(void);
void heaps_fork_parent(void);
void heaps_fork_child(struct heap *self);

// In the child of a process that had no other thread, and for which nothing was prepared.
void heaps_fork_child_alone(struct heap *self);

#endif
