// SPDX-License-Identifier: MIT
//
// The machine as apexd sees it: NUMA nodes, by the numbers the kernel gives them (os_index),
// never by hwloc's own, which follow another order. Filled once; read by anybody. Only
// topology.c knows hwloc.

#ifndef APEXD_TOPOLOGY_H
#define APEXD_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPOLOGY_NODES_MAX 64
#define TOPOLOGY_CPUS_BYTES 512 // of a list of processors, as text
#define TOPOLOGY_CACHE_LEVELS 4 // L1 to L4

struct topology_node {
    unsigned os_index;
    uint64_t memory_bytes;              // 0 when the node has none, or the kernel does not say
    unsigned cpus;                      // processors of this node; 0: memory only
    char cpu_list[TOPOLOGY_CPUS_BYTES]; // "0-3,8"; cut off, at a comma, when too long
};

struct topology {
    unsigned packages;
    unsigned cores;
    unsigned cpus; // that this system may use
    uint64_t memory_bytes;
    uint64_t page_bytes;
    uint64_t cache_bytes[TOPOLOGY_CACHE_LEVELS]; // of one L1d, L2, L3, L4; 0 when there is none
    unsigned node_count;
    bool truncated;   // there are more nodes than TOPOLOGY_NODES_MAX
    bool this_system; // false when hwloc was told of another machine (HWLOC_SYNTHETIC…)
    bool has_distances;
    uint16_t distance[TOPOLOGY_NODES_MAX][TOPOLOGY_NODES_MAX]; // by position in `node`; 10 is local
    struct topology_node node[TOPOLOGY_NODES_MAX];             // by rising os_index
};

// False when hwloc cannot tell.
bool topology_load(struct topology *t);

#endif
