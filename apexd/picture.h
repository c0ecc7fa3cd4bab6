// SPDX-License-Identifier: MIT
//
// Where the memory of one process lies, and where its threads run: all that advice on NUMA is
// given from. Plain data: apexd/placement.c gathers it, apexd/policy.c reads it. Nodes stand in
// the order of struct topology, which is rising by the kernel's number.
//
// Counters are those since the picture before, so that each picture tells of one stretch of time.

#ifndef APEXD_PICTURE_H
#define APEXD_PICTURE_H

#include "apexd/topology.h"

#include <stdbool.h>
#include <stdint.h>

// The machine, as it is now.
struct picture_host {
    bool balancing;    // the kernel moves pages by itself (kernel.numa_balancing)
    bool numad;        // a numad runs: it moves whole processes
    bool zone_reclaim; // vm.zone_reclaim_mode is not 0
    unsigned node_count;
    struct {
        uint64_t total_bytes; // MemTotal of the node: too small while a kernel starts up lazily
        uint64_t free_bytes;  // MemFree and what is cheap to reclaim (FilePages less Shmem)
    } node[TOPOLOGY_NODES_MAX];
};

struct picture_node {
    bool allowed;             // the process may take memory of it (Mems_allowed)
    unsigned cpus_allowed;    // processors of it that the process may run on
    unsigned threads;         // threads last seen there on a slow path
    uint64_t home_bytes;      // superblocks whose home it is: `mapped`
    uint64_t active_bytes;    // of these, in use
    uint64_t refills_local;   // counters, since the picture before
    uint64_t refills_remote;
    uint64_t frees_same;
    uint64_t frees_cross;
    uint64_t switches;        // threads that moved here and took to its superblocks
    uint64_t sampled;         // pages asked about whose home it is
    uint64_t at_home;         // and those that were there
    uint64_t found;           // pages found there, wherever their home was
};

struct picture {
    uint64_t taken_ns;    // CLOCK_MONOTONIC
    uint64_t stretch_ns;  // since the picture before; 0: this is the first
    uint64_t rss_bytes;   // of the whole process
    uint64_t active_bytes; // of its heap
    uint64_t large_bytes; // live large objects
    uint64_t age_ns;      // since it registered
    bool seccomp;         // it runs under a filter, so that it may not be able to bind memory
    bool policy_known;    // the next two were read: that takes the right to look into it
    bool policy_bind;     // some memory of it is bound to nodes by the program or its user
    bool policy_interleave; // or interleaved
    unsigned node_count;
    struct picture_node node[TOPOLOGY_NODES_MAX];
};

#endif
