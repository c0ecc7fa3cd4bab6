// SPDX-License-Identifier: MIT
//
// The NUMA nodes of the machine, as the kernel numbers them: with gaps, without memory, without
// processors, not there yet. And the node a thread runs on, cheaply.
//
// Any thread; nothing here allocates or locks, and errno stays as it is. Files are read under a
// `root` in front of their paths, "" but in tests.

#ifndef APEX_OS_OS_NUMA_H
#define APEX_OS_OS_NUMA_H

#include "os/os_nodes.h"

struct os_numa {
    struct os_nodes online;
    struct os_nodes memory;  // have some
    struct os_nodes cpus;    // have some
    struct os_nodes allowed; // the process may take memory of them (Mems_allowed)
    struct os_nodes runs;    // the calling thread may run on them (Cpus_allowed)
};

// The node the calling thread runs on now: by a word that the kernel keeps up to date in the
// thread (rseq, Linux 6.3), else by the vDSO, which takes ten times as long. 0 when the kernel
// cannot say. It may be another one as soon as the caller looks at it.
unsigned os_numa_node(void);

// The nodes that may ever be there: 0 alone when the kernel does not know of nodes.
void os_numa_possible(const char *root, struct os_nodes *out);

// Everything about those that are there now. Where the kernel does not say who may use a node,
// all may. False when it knows of no nodes; then only node 0 is there.
bool os_numa_read(const char *root, struct os_numa *out);

// The one of `among` with the least distance from `node`, which is online; the lowest number of
// equals. -1 when there is none, or the kernel does not say.
int os_numa_nearest(const char *root, unsigned node, const struct os_nodes *online,
                    const struct os_nodes *among);

#endif
