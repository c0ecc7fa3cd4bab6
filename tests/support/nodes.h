// SPDX-License-Identifier: MIT
//
// A folder that looks like the kernel's account of NUMA nodes, for code that reads it under a root
// of its own.

#ifndef APEX_TESTS_NODES_H
#define APEX_TESTS_NODES_H

#include "tree.h"

struct nodes {
    char root[TREE_ROOT_BYTES];
};

static inline void
nodes_write(const struct nodes *nodes, const char *path, const char *text)
{
    tree_write(nodes->root, path, text);
}

static inline void
nodes_list(const struct nodes *nodes, const char *name, const char *list)
{
    char path[64];

    snprintf(path, sizeof path, "/sys/devices/system/node/%s", name);
    nodes_write(nodes, path, list);
}

// What one node has: its processors, and its distance to those that are online, in their order.
static inline void
nodes_node(const struct nodes *nodes, unsigned node, const char *cpus, const char *distances)
{
    char name[32];

    snprintf(name, sizeof name, "node%u/cpulist", node);
    nodes_list(nodes, name, cpus);
    snprintf(name, sizeof name, "node%u/distance", node);
    nodes_list(nodes, name, distances);
}

// What the process may use.
static inline void
nodes_allow(const struct nodes *nodes, const char *cpus, const char *mems)
{
    char text[4096];

    snprintf(text, sizeof text,
             "Name:\ttest\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\n"
             "Mems_allowed:\t00000000,00000001\nMems_allowed_list:\t%s\n"
             "voluntary_ctxt_switches:\t12\n",
             cpus, mems);
    nodes_write(nodes, "/proc/thread-self/status", text);
}

static inline void
nodes_begin(struct nodes *nodes, const char *online, const char *memory, const char *cpus)
{
    tree_begin(nodes->root);
    nodes_list(nodes, "possible", online);
    nodes_list(nodes, "online", online);
    nodes_list(nodes, "has_memory", memory);
    nodes_list(nodes, "has_cpu", cpus);
}

// Two nodes with two processors each; everything is allowed.
static inline void
nodes_begin_two(struct nodes *nodes)
{
    nodes_begin(nodes, "0-1\n", "0-1\n", "0-1\n");
    nodes_node(nodes, 0, "0-1\n", "10 20\n");
    nodes_node(nodes, 1, "2-3\n", "20 10\n");
    nodes_allow(nodes, "0-3", "0-1");
}

static inline void
nodes_end(const struct nodes *nodes)
{
    tree_end(nodes->root);
}

#endif
