// SPDX-License-Identifier: MIT
//
// hwloc to struct topology: the only file that includes hwloc.

#include "apexd/topology.h"

#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if HWLOC_API_VERSION < 0x00020400
#error "hwloc 2.4 or newer is needed"
#endif

static unsigned
topology_count(hwloc_topology_t h, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_by_type(h, type);
    return count < 0 ? 0 : (unsigned)count;
}

// "0-3,8". A list that does not fit ends at its last whole range.
static void
topology_cpu_list(hwloc_const_cpuset_t set, char *out, size_t capacity)
{
    int length = set == NULL ? 0 : hwloc_bitmap_list_snprintf(out, capacity, set);

    if (length <= 0) {
        out[0] = '\0';
    } else if ((size_t)length >= capacity) {
        char *comma = strrchr(out, ',');
        *(comma == NULL ? out : comma) = '\0';
    }
}

static void
topology_add_node(struct topology *t, hwloc_obj_t object)
{
    unsigned place = t->node_count;

    if (place == TOPOLOGY_NODES_MAX) {
        t->truncated = true;
        return;
    }
    while (place > 0 && t->node[place - 1].os_index > object->os_index) {
        t->node[place] = t->node[place - 1];
        place--;
    }
    struct topology_node *node = &t->node[place];
    int cpus = object->cpuset == NULL ? 0 : hwloc_bitmap_weight(object->cpuset);
    node->os_index = object->os_index;
    node->memory_bytes = object->attr == NULL ? 0 : object->attr->numanode.local_memory;
    node->cpus = cpus < 0 ? 0 : (unsigned)cpus;
    topology_cpu_list(object->cpuset, node->cpu_list, sizeof node->cpu_list);
    t->node_count++;
}

// A node that has memory only lists, in hwloc, the processors of the package it hangs from. The
// kernel says that it has none; so does a machine where another node lists the same processors
// and is nearer.
static void
topology_own_cpus(hwloc_topology_t h, struct topology *t)
{
    char path[64];
    char text[TOPOLOGY_CPUS_BYTES];

    if (!hwloc_topology_is_thissystem(h)) {
        return;
    }
    for (unsigned i = 0; i < t->node_count; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/node/node%u/cpulist", t->node[i].os_index);
        FILE *file = fopen(path, "re");
        if (file == NULL) {
            continue;
        }
        char *line = fgets(text, sizeof text, file);
        if (line == NULL || line[0] == '\n') {
            t->node[i].cpus = 0;
            t->node[i].cpu_list[0] = '\0';
        }
        fclose(file);
    }
}

static int
topology_place_of(const struct topology *t, unsigned os_index)
{
    for (unsigned i = 0; i < t->node_count; i++) {
        if (t->node[i].os_index == os_index) {
            return (int)i;
        }
    }
    return -1;
}

static void
topology_distances(hwloc_topology_t h, struct topology *t)
{
    struct hwloc_distances_s *found;
    unsigned count = 1;

    if (hwloc_distances_get_by_name(h, "NUMALatency", &count, &found, 0) != 0 || count == 0) {
        return;
    }
    for (unsigned i = 0; i < found->nbobjs; i++) {
        for (unsigned j = 0; j < found->nbobjs; j++) {
            int from = topology_place_of(t, found->objs[i]->os_index);
            int to = topology_place_of(t, found->objs[j]->os_index);
            uint64_t value = found->values[(size_t)i * found->nbobjs + j];
            if (from >= 0 && to >= 0) {
                t->distance[from][to] = (uint16_t)(value > UINT16_MAX ? UINT16_MAX : value);
            }
        }
    }
    t->has_distances = true;
    hwloc_distances_release(h, found);
}

static void
topology_caches(hwloc_topology_t h, struct topology *t)
{
    static const hwloc_obj_type_t types[TOPOLOGY_CACHE_LEVELS] = {
        HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE};

    for (unsigned i = 0; i < TOPOLOGY_CACHE_LEVELS; i++) {
        hwloc_obj_t object = hwloc_get_obj_by_type(h, types[i], 0);
        t->cache_bytes[i] = object == NULL || object->attr == NULL ? 0 : object->attr->cache.size;
    }
}

static void
topology_fill(hwloc_topology_t h, struct topology *t)
{
    hwloc_obj_t node = NULL;
    long page = sysconf(_SC_PAGESIZE);

    t->packages = topology_count(h, HWLOC_OBJ_PACKAGE);
    t->cores = topology_count(h, HWLOC_OBJ_CORE);
    t->cpus = topology_count(h, HWLOC_OBJ_PU);
    t->page_bytes = page < 0 ? 4096 : (uint64_t)page;
    t->this_system = hwloc_topology_is_thissystem(h) != 0;
    // Not the sum over nodes: a kernel that starts up lazily counts a node's memory only as it
    // is taken into use.
    t->memory_bytes = hwloc_get_root_obj(h)->total_memory;
    long pages = sysconf(_SC_PHYS_PAGES);
    if (t->this_system && pages > 0 && (uint64_t)pages * t->page_bytes > t->memory_bytes) {
        t->memory_bytes = (uint64_t)pages * t->page_bytes;
    }
    while ((node = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        topology_add_node(t, node);
    }
    topology_own_cpus(h, t);
    topology_distances(h, t);
    topology_caches(h, t);
}

bool
topology_load(struct topology *t)
{
    hwloc_topology_t h;

    memset(t, 0, sizeof *t);
    // Without /sys hwloc sees one node and says so on stderr, which is ours to use.
    setenv("HWLOC_HIDE_ERRORS", "2", 0);
    if (hwloc_topology_init(&h) != 0) {
        return false;
    }
    bool loaded = hwloc_topology_load(h) == 0;
    if (loaded) {
        topology_fill(h, t);
    }
    hwloc_topology_destroy(h);
    return loaded;
}
