// SPDX-License-Identifier: MIT
//
// Which threads share a pool of superblocks: those on one NUMA node, its home. The nodes are told
// apart by an index from 0 to NUMA_HOMES - 1, which a node keeps; kernel numbers, which have gaps,
// are used at the edges only. Any thread.
//
// The home of a thread is the node it runs on, if the process may take memory there. Where it may
// not, or there is none, it is the nearest such node with processors, or else without: memory
// without processors is slow, and nobody's home where there is other. Nodes beyond the last index
// share it.
//
// On one node, which is where most programs run, and also where a container or the affinity of all
// threads that were seen leaves one, `numa_many` is 0 and nobody asks where anything is. It becomes
// 1 when a second home is found, at the start or later, and then stays.

#ifndef APEX_POLICY_NUMA_H
#define APEX_POLICY_NUMA_H

#include "abi/stats_page.h"
#include "base/atomic.h"
#include "base/compiler.h"

#include <stdbool.h>

#define NUMA_HOMES APEX_STATS_NODES

extern uint32_t numa_many;   // atomic
extern uint32_t numa_only;   // the home while that is 0; atomic
extern uint32_t numa_changes; // how often what is known of nodes has changed; atomic
extern uint64_t numa_due_ns; // when the machine is to be looked at again; atomic

// Looks at the machine, or does not if the option `numa` is off. Before the second thread; tests
// may call it once more, with a `root` other than "" in front of the kernel's paths (os/os_numa.h).
void numa_start(const char *root);

// The home of a node, by the kernel's number; of one that is not there, where the process began.
unsigned numa_home_of(unsigned node);

// The home of the calling thread, now. APART from the case of one node.
APART unsigned numa_here_of_many(void);

FAST unsigned
numa_here(void)
{
    return likely(load_relaxed(&numa_many) == 0) ? load_relaxed(&numa_only) : numa_here_of_many();
}

// What the kernel calls the node with this index, and APEX_NODE_* of what is known of it. An index
// that no node has: APEX_NODE_NONE and 0.
unsigned numa_node(unsigned home, uint32_t *flags);

// Looks at the machine again: nodes come and go, and what a process may use changes. Rarely.
SLOW void numa_refresh(uint64_t now_ns);

FAST void
numa_tick(uint64_t now_ns)
{
    if (unlikely(now_ns >= load_relaxed(&numa_due_ns))) {
        numa_refresh(now_ns);
    }
}

void numa_fork_child(void);

#endif
