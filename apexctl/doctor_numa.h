// SPDX-License-Identifier: MIT
//
// What `apexctl doctor` says of NUMA: how nodes, the kernel's settings, and the sets of processors
// and nodes that a process may use go together. To read and to judge are two functions, so that
// machines can be made up. One thread.

#ifndef APEXCTL_DOCTOR_NUMA_H
#define APEXCTL_DOCTOR_NUMA_H

#include "apexctl/finding.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DOCTOR_NODES_MAX 1024u // numbers of nodes are below this

struct doctor_nodes {
    uint64_t bits[DOCTOR_NODES_MAX / 64];
};

struct doctor_numa {
    struct doctor_nodes online;
    struct doctor_nodes memory;
    struct doctor_nodes cpus;
    struct doctor_nodes runs;  // nodes with processors that the process may run on
    struct doctor_nodes takes; // nodes whose memory it may use
    unsigned packages;         // with processors of these nodes; 0: not known
    bool balancing;            // kernel.numa_balancing
    bool zone_reclaim;         // vm.zone_reclaim_mode
    bool numad;
    int bind_error; // errno of a call that asks for a node; 0: it may
};

// Reads all of it: for process `pid`, or 0 for this session. Without /sys there is one node.
void doctor_numa_read(struct doctor_numa *facts, pid_t pid);

// `of_host`: also what is not of one process. Pure.
void doctor_numa_judge(struct findings *findings, const struct doctor_numa *facts, bool of_host);

// "0-3,8" to a set. What is no list ends it. Pure.
void doctor_nodes_parse(struct doctor_nodes *set, const char *text);

#endif
