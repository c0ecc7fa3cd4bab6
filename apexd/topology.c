// SPDX-License-Identifier: MIT
//
// hwloc to struct topology: the only file that includes hwloc.

#include "apexd/topology.h"

#include "apexd/small_file.h"

#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if HWLOC_API_VERSION < 0x00020400
#error "hwloc 2.4 or newer is needed"
#endif

#define NODES_PATH "/sys/devices/system/node/"
#define LIST_BYTES 4096 // of what one of the files says that tell of hotplug

// What DRAM is in the kernel's reckoning of tiers (mm/memory-tiers.c), and how far apart two tiers
// are. Memory as fast as DRAM is in the middle of its tier.
#define TIER_STEP 128u
#define TIER_DRAM (4 * TIER_STEP + TIER_STEP / 2)
#define TIER_UNKNOWN (5 * TIER_DRAM) // memory that no processor calls its own

static const hwloc_obj_type_t cache_types[TOPOLOGY_CACHE_LEVELS] = {
    HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE};

// What the names of the kernel's files begin with; NULL when hwloc was told of a machine of which
// there are none.
static const char *
topology_root(const struct topology *t)
{
    const char *root = getenv("HWLOC_FSROOT");
    return root != NULL ? root : t->this_system ? "" : NULL;
}

bool
topology_file(const struct topology *t, const char *name, char *text, size_t capacity)
{
    const char *root = topology_root(t);
    char path[PATH_MAX];

    return root != NULL && snprintf(path, sizeof path, "%s%s", root, name) < (int)sizeof path &&
           small_file_read(path, text, capacity);
}

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

static unsigned
topology_weight(hwloc_const_cpuset_t set)
{
    int weight = set == NULL ? 0 : hwloc_bitmap_weight(set);
    return weight < 0 ? 0 : (unsigned)weight;
}

static unsigned
topology_inside(hwloc_topology_t h, hwloc_const_cpuset_t set, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_inside_cpuset_by_type(h, set, type);
    return count < 0 ? 0 : (unsigned)count;
}

static void
topology_caches(hwloc_topology_t h, hwloc_const_cpuset_t set, struct topology_cache *cache)
{
    for (unsigned i = 0; i < TOPOLOGY_CACHE_LEVELS; i++) {
        hwloc_obj_t object =
            hwloc_get_next_obj_inside_cpuset_by_type(h, set, cache_types[i], NULL);
        cache[i].bytes = object == NULL || object->attr == NULL ? 0 : object->attr->cache.size;
        cache[i].count = topology_inside(h, set, cache_types[i]);
    }
}

static void
topology_packages(hwloc_topology_t h, struct topology *t)
{
    hwloc_obj_t object = NULL;

    while (t->package_count < TOPOLOGY_PACKAGES_MAX &&
           (object = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_PACKAGE, object)) != NULL) {
        struct topology_package *package = &t->package[t->package_count++];
        package->os_index = object->os_index;
        package->cores = topology_inside(h, object->cpuset, HWLOC_OBJ_CORE);
        package->cpus = topology_weight(object->cpuset);
        topology_caches(h, object->cpuset, package->cache);
    }
}

static void
topology_add_node(hwloc_topology_t h, struct topology *t, hwloc_obj_t object)
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
    hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(h, HWLOC_OBJ_PACKAGE, object);
    node->os_index = object->os_index;
    node->memory_bytes = object->attr == NULL ? 0 : object->attr->numanode.local_memory;
    node->cpus = topology_weight(object->cpuset);
    topology_cpu_list(object->cpuset, node->cpu_list, sizeof node->cpu_list);
    node->package = package == NULL || package->logical_index >= TOPOLOGY_PACKAGES_MAX
                        ? TOPOLOGY_NONE
                        : package->logical_index;
    t->node_count++;
}

// Whether a node lists processors that another one has: fewer of them, or the same before it.
static bool
topology_borrows(hwloc_topology_t h, hwloc_obj_t node)
{
    hwloc_obj_t other = NULL;

    while ((other = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, other)) != NULL) {
        if (other != node && !hwloc_bitmap_iszero(other->cpuset) &&
            hwloc_bitmap_isincluded(other->cpuset, node->cpuset) &&
            (topology_weight(other->cpuset) < topology_weight(node->cpuset) ||
             other->os_index < node->os_index)) {
            return true;
        }
    }
    return false;
}

// Whether a node that hwloc gives processors has any. One with memory only lists those of the
// package, or of the machine, that it hangs from. The kernel says that it has none; of another
// machine hwloc alone has to tell.
static bool
topology_has_cpus(hwloc_topology_t h, const struct topology *t, const struct topology_node *node)
{
    char path[64];
    char text[TOPOLOGY_CPUS_BYTES];

    snprintf(path, sizeof path, NODES_PATH "node%u/cpulist", node->os_index);
    if (topology_file(t, path, text, sizeof text)) {
        return text[0] != '\n';
    }
    hwloc_obj_t object = hwloc_get_numanode_obj_by_os_index(h, node->os_index);
    return t->this_system || object == NULL || !topology_borrows(h, object);
}

static void
topology_own_cpus(hwloc_topology_t h, struct topology *t)
{
    for (unsigned i = 0; i < t->node_count; i++) {
        if (!topology_has_cpus(h, t, &t->node[i])) {
            t->node[i].cpus = 0;
            t->node[i].cpu_list[0] = '\0';
        }
    }
}

int
topology_place(const struct topology *t, uint64_t os_index)
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
            int from = topology_place(t, found->objs[i]->os_index);
            int to = topology_place(t, found->objs[j]->os_index);
            uint64_t value = found->values[(size_t)i * found->nbobjs + j];
            if (from >= 0 && to >= 0) {
                t->distance[from][to] = (uint16_t)(value > UINT16_MAX ? UINT16_MAX : value);
            }
        }
    }
    t->has_distances = true;
    hwloc_distances_release(h, found);
}

// The distances of a node that hwloc does not know, in both directions; the kernel lists them in
// the order of its nodes, which is ours when we have all.
static void
topology_read_distances(struct topology *t, unsigned place)
{
    char path[64];
    char text[LIST_BYTES];
    char *at = text;

    snprintf(path, sizeof path, NODES_PATH "node%u/distance", t->node[place].os_index);
    if (!topology_file(t, path, text, sizeof text)) {
        return;
    }
    for (unsigned i = 0; i < t->node_count; i++) {
        uint16_t distance = (uint16_t)strtoul(at, &at, 10);
        t->distance[place][i] = distance;
        t->distance[i][place] = distance;
    }
}

// A list as the kernel writes it, "0-3,8\n", to bits.
static bool
topology_list(hwloc_bitmap_t set, char *text)
{
    text[strcspn(text, "\n")] = '\0'; // hwloc loses what stands before it
    return set != NULL && hwloc_bitmap_list_sscanf(set, text) == 0;
}

// hwloc leaves out some nodes without memory: those that processors have brought along.
static void
topology_add_missing(hwloc_topology_t h, struct topology *t)
{
    char text[LIST_BYTES];
    char path[64];
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    unsigned number;

    if (!topology_file(t, NODES_PATH "online", text, sizeof text) || !topology_list(set, text)) {
        hwloc_bitmap_free(set);
        return;
    }
    unsigned known = t->node_count;
    struct hwloc_obj object = {.type = HWLOC_OBJ_NUMANODE, .cpuset = hwloc_bitmap_alloc()};
    hwloc_bitmap_foreach_begin(number, set)
    {
        snprintf(path, sizeof path, NODES_PATH "node%u/cpulist", number);
        if (topology_place(t, number) < 0 && topology_file(t, path, text, sizeof text) &&
            topology_list(object.cpuset, text)) {
            object.os_index = number;
            topology_add_node(h, t, &object);
        }
    }
    hwloc_bitmap_foreach_end();
    for (unsigned i = 0; i < t->node_count && t->node_count != known; i++) {
        topology_read_distances(t, i);
    }
    t->has_distances = t->has_distances || t->node_count != known;
    hwloc_bitmap_free(object.cpuset);
    hwloc_bitmap_free(set);
}

static uint32_t
topology_memattr(hwloc_topology_t h, hwloc_memattr_id_t id, hwloc_obj_t from, hwloc_obj_t to)
{
    struct hwloc_location location = {.type = HWLOC_LOCATION_TYPE_CPUSET};
    hwloc_uint64_t value;

    location.location.cpuset = from->cpuset;
    if (hwloc_memattr_get_value(h, id, to, &location, 0, &value) != 0) {
        return 0;
    }
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void
topology_accesses(hwloc_topology_t h, struct topology *t)
{
    hwloc_obj_t from = NULL;
    hwloc_obj_t to = NULL;

    while ((from = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, from)) != NULL) {
        int i = topology_place(t, from->os_index);
        while (i >= 0 && t->node[i].cpus != 0 &&
               (to = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, to)) != NULL) {
            int j = topology_place(t, to->os_index);
            if (j >= 0) {
                struct topology_access *access = &t->access[i][j];
                access->latency_ns = topology_memattr(h, HWLOC_MEMATTR_ID_LATENCY, from, to);
                access->bandwidth_mib = topology_memattr(h, HWLOC_MEMATTR_ID_BANDWIDTH, from, to);
            }
        }
    }
}

struct topology_access
topology_best_access(const struct topology *t, unsigned place)
{
    struct topology_access best = {0, 0};

    for (unsigned i = 0; i < t->node_count; i++) {
        const struct topology_access *access = &t->access[i][place];
        if (access->latency_ns != 0 &&
            (best.latency_ns == 0 || access->latency_ns < best.latency_ns)) {
            best.latency_ns = access->latency_ns;
        }
        if (access->bandwidth_mib > best.bandwidth_mib) {
            best.bandwidth_mib = access->bandwidth_mib;
        }
    }
    return best;
}

// What the nodes with processors have in the mean: DRAM, as far as anybody can tell.
static struct topology_access
topology_dram(const struct topology *t)
{
    uint64_t latency_ns = 0;
    uint64_t bandwidth_mib = 0;
    unsigned count = 0;

    for (unsigned i = 0; i < t->node_count; i++) {
        struct topology_access best = topology_best_access(t, i);
        if (t->node[i].cpus != 0 && best.latency_ns != 0 && best.bandwidth_mib != 0) {
            latency_ns += best.latency_ns;
            bandwidth_mib += best.bandwidth_mib;
            count++;
        }
    }
    return count == 0 ? (struct topology_access){0, 0}
                      : (struct topology_access){(uint32_t)(latency_ns / count),
                                                 (uint32_t)(bandwidth_mib / count)};
}

// How far memory is from being DRAM: slower is more, as the kernel reckons.
static uint64_t
topology_slowness(const struct topology *t, unsigned place, const struct topology_access *dram)
{
    struct topology_access best = topology_best_access(t, place);

    if (dram->latency_ns == 0 || best.latency_ns == 0 || best.bandwidth_mib == 0) {
        return t->node[place].cpus != 0 ? TIER_DRAM : TIER_UNKNOWN;
    }
    double latency = (double)best.latency_ns / dram->latency_ns;
    double bandwidth = (double)dram->bandwidth_mib / best.bandwidth_mib;
    double slowness = TIER_DRAM * latency * bandwidth;
    return slowness < 1e9 ? (uint64_t)slowness : (uint64_t)1e9;
}

// Tiers by rising slowness, without gaps.
static void
topology_tiers(struct topology *t)
{
    struct topology_access dram = topology_dram(t);
    uint64_t step[TOPOLOGY_NODES_MAX];

    for (unsigned i = 0; i < t->node_count; i++) {
        step[i] = topology_slowness(t, i, &dram) / TIER_STEP;
        t->node[i].tier = t->node[i].memory_bytes == 0 ? TOPOLOGY_NONE : 0;
    }
    for (unsigned i = 0; i < t->node_count; i++) {
        for (unsigned j = 0; j < t->node_count && t->node[i].tier != TOPOLOGY_NONE; j++) {
            bool faster = t->node[j].tier != TOPOLOGY_NONE && step[j] < step[i];
            for (unsigned k = 0; k < j && faster; k++) {
                faster = t->node[k].tier == TOPOLOGY_NONE || step[k] != step[j];
            }
            t->node[i].tier += faster ? 1 : 0;
        }
    }
}

static void
topology_fill(hwloc_topology_t h, struct topology *t)
{
    hwloc_obj_t node = NULL;
    hwloc_obj_t root = hwloc_get_root_obj(h);
    long page = sysconf(_SC_PAGESIZE);

    t->packages = topology_count(h, HWLOC_OBJ_PACKAGE);
    t->cores = topology_count(h, HWLOC_OBJ_CORE);
    t->cpus = topology_count(h, HWLOC_OBJ_PU);
    t->page_bytes = page < 0 ? 4096 : (uint64_t)page;
    t->this_system = hwloc_topology_is_thissystem(h) != 0;
    t->stamp = topology_root(t) == NULL ? 0 : t->stamp;
    // Not the sum over nodes: a kernel that starts up lazily counts a node's memory only as it
    // is taken into use.
    t->memory_bytes = root->total_memory;
    long pages = sysconf(_SC_PHYS_PAGES);
    if (t->this_system && pages > 0 && (uint64_t)pages * t->page_bytes > t->memory_bytes) {
        t->memory_bytes = (uint64_t)pages * t->page_bytes;
    }
    topology_caches(h, root->cpuset, t->cache);
    topology_packages(h, t);
    while ((node = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        topology_add_node(h, t, node);
    }
    topology_own_cpus(h, t);
    topology_distances(h, t);
    topology_add_missing(h, t);
    topology_accesses(h, t);
    topology_tiers(t);
}

// Of the files that tell which nodes and processors there are (FNV-1a); 0 when there are none.
static uint64_t
topology_stamp(const struct topology *t)
{
    static const char *const names[] = {NODES_PATH "online", NODES_PATH "has_memory",
                                        NODES_PATH "has_cpu", "/sys/devices/system/cpu/online"};
    uint64_t stamp = UINT64_C(14695981039346656037);
    char text[LIST_BYTES];
    bool any = false;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (topology_file(t, names[i], text, sizeof text)) {
            any = true;
            for (const char *c = text; *c != '\0'; c++) {
                stamp = (stamp ^ (unsigned char)*c) * UINT64_C(1099511628211);
            }
        }
    }
    return any ? stamp : 0;
}

bool
topology_load(struct topology *t)
{
    hwloc_topology_t h;

    memset(t, 0, sizeof *t);
    // Before the rest: what changes meanwhile is seen the next time.
    t->this_system = true;
    t->stamp = topology_stamp(t);
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

bool
topology_refresh(struct topology *t)
{
    uint64_t stamp = t->stamp == 0 ? 0 : topology_stamp(t);

    if (stamp == t->stamp || stamp == 0) {
        return false;
    }
    struct topology *fresh = malloc(sizeof *fresh);
    bool loaded = fresh != NULL && topology_load(fresh);
    if (loaded) {
        *t = *fresh;
    }
    free(fresh);
    return loaded;
}
