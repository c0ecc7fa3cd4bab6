// SPDX-License-Identifier: MIT
//
// A folder that looks like the kernel's account of NUMA nodes, for code that reads it under a root
// of its own.

#ifndef APEX_TESTS_NODES_H
#define APEX_TESTS_NODES_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct nodes {
    char root[64];
};

static inline void
nodes_write(const struct nodes *nodes, const char *path, const char *text)
{
    char name[256];

    snprintf(name, sizeof name, "%s%s", nodes->root, path);
    for (char *slash = strchr(name + strlen(nodes->root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        abort();
    }
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
    strcpy(nodes->root, "/tmp/apex-nodes.XXXXXX");
    if (mkdtemp(nodes->root) == NULL) {
        abort();
    }
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

static inline int
nodes_remove(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void
nodes_end(const struct nodes *nodes)
{
    nftw(nodes->root, nodes_remove, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
