// SPDX-License-Identifier: MIT
//
// The machine as apexd sees it: NUMA nodes, by the numbers the kernel gives them (os_index),
// never by hwloc's own, which follow another order. Filled at the start, and anew when nodes or
// processors come or go; read by anybody. Only topology.c knows hwloc.
//
// hwloc can be told of another machine (HWLOC_XMLFILE, HWLOC_SYNTHETIC), of which there are no
// files; with HWLOC_FSROOT there are, below a folder, and all that is read here is read there.

#ifndef APEXD_TOPOLOGY_H
#define APEXD_TOPOLOGY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPOLOGY_NODES_MAX 64
#define TOPOLOGY_CPUS_BYTES 512 // of a list of processors, as text
#define TOPOLOGY_CACHE_LEVELS 4 // L1 to L4
#define TOPOLOGY_PACKAGES_MAX 64
#define TOPOLOGY_NONE UINT_MAX // no package, or no tier

struct topology_node {
    unsigned os_index;
    uint64_t memory_bytes;              // 0 when the node has none, or the kernel does not say
    unsigned cpus;                      // processors of this node; 0: memory only
    char cpu_list[TOPOLOGY_CPUS_BYTES]; // "0-3,8"; cut off, at a comma, when too long
    unsigned package;                   // by position; TOPOLOGY_NONE: it belongs to no single one
    unsigned tier;                      // 0: the fastest memory; TOPOLOGY_NONE: it has none
};

struct topology_cache {
    uint64_t bytes; // of one; 0 when there is none
    unsigned count;
};

struct topology_package {
    unsigned os_index;
    unsigned cores;
    unsigned cpus;
    struct topology_cache cache[TOPOLOGY_CACHE_LEVELS];
};

// How processors of one node get at the memory of another, as the firmware tells (HMAT): most tell
// it of the nearest processors only. 0: it does not say.
struct topology_access {
    uint32_t latency_ns;
    uint32_t bandwidth_mib; // a second
};

struct topology {
    unsigned packages;
    unsigned cores;
    unsigned cpus; // that this system may use
    uint64_t memory_bytes;
    uint64_t page_bytes;
    struct topology_cache cache[TOPOLOGY_CACHE_LEVELS]; // L1d, L2, L3, L4
    unsigned package_count;
    struct topology_package package[TOPOLOGY_PACKAGES_MAX];
    unsigned node_count;
    bool truncated;   // there are more nodes than TOPOLOGY_NODES_MAX
    bool this_system; // false when hwloc was told of another machine (HWLOC_SYNTHETIC…)
    bool has_distances;
    uint64_t stamp; // of what topology_refresh looks at; 0: there are no files to look at
    uint16_t distance[TOPOLOGY_NODES_MAX][TOPOLOGY_NODES_MAX]; // by position in `node`; 10 is local
    struct topology_access access[TOPOLOGY_NODES_MAX][TOPOLOGY_NODES_MAX]; // from, to
    struct topology_node node[TOPOLOGY_NODES_MAX];                         // by rising os_index
};

// False when hwloc cannot tell.
bool topology_load(struct topology *t);

// Loads anew if nodes or processors have come or gone since. Four small files are read to see that.
// True when `t` has changed.
bool topology_refresh(struct topology *t);

// The position of the node that the kernel calls so; -1 when there is none.
int topology_place(const struct topology *t, uint64_t os_index);

// The shortest latency and the largest bandwidth at which any processor gets at a node's memory.
struct topology_access topology_best_access(const struct topology *t, unsigned place);

// The beginning of a file of the kernel, such as "/proc/meminfo", of the machine that `t` tells of;
// as text. False when there is none.
bool topology_file(const struct topology *t, const char *name, char *text, size_t capacity);

#endif
