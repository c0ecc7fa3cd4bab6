// SPDX-License-Identifier: MIT
//
// Answers `topology`; see method_topology.h.

#include "apexd/method_topology.h"

#include "apexd/placement.h"
#include "apexd/proto/message.h"
#include "apexd/reply.h"

#include <stdlib.h>

#define MIB UINT64_C(1048576)

struct topology_resident {
    const struct client *client;
    uint64_t heap_bytes;
    uint64_t threads;
};

// Who lives on one node.
struct topology_home {
    struct placement_node sum;
    unsigned count;
    struct topology_resident resident[METHOD_TOPOLOGY_RESIDENTS]; // largest first
};

struct topology_reply {
    const struct topology *t;
    struct picture_host host;
    struct topology_home home[TOPOLOGY_NODES_MAX];
};

// --- Who lives there -----------------------------------------------------------------------------

// Those with threads only come after those with memory.
static bool
topology_is_larger(const struct topology_resident *a, const struct topology_resident *b)
{
    return a->heap_bytes != b->heap_bytes ? a->heap_bytes > b->heap_bytes
                                          : a->threads > b->threads;
}

static void
topology_settle(struct topology_home *home, const struct topology_resident *resident)
{
    unsigned place = home->count;

    while (place > 0 && topology_is_larger(resident, &home->resident[place - 1])) {
        place--;
    }
    if (place == METHOD_TOPOLOGY_RESIDENTS) {
        return;
    }
    home->count += home->count < METHOD_TOPOLOGY_RESIDENTS ? 1 : 0;
    for (unsigned i = home->count - 1; i > place; i--) {
        home->resident[i] = home->resident[i - 1];
    }
    home->resident[place] = *resident;
}

static void
topology_visit(struct topology_reply *r, const struct client *client, uid_t uid)
{
    struct placement_node node[TOPOLOGY_NODES_MAX] = {0};
    bool seen = client_may_be_seen(client->peer.uid, uid);

    placement_add(client, r->t, node);
    for (unsigned i = 0; i < r->t->node_count; i++) {
        if (node[i].processes != 0) {
            struct topology_resident resident = {client, node[i].value[PAGE_NODE_mapped],
                                                 node[i].threads};
            placement_sum(&r->home[i].sum, &node[i]);
            if (seen) {
                topology_settle(&r->home[i], &resident);
            }
        }
    }
}

// --- The reply -----------------------------------------------------------------------------------

static bool
topology_put_residents(cJSON *item, const struct topology_home *home)
{
    cJSON *array = cJSON_AddArrayToObject(item, "residents");
    bool good = array != NULL;

    for (unsigned i = 0; i < home->count && good; i++) {
        const struct client *client = home->resident[i].client;
        cJSON *one = reply_array_object(array);
        good = one != NULL && message_add_u64(one, "pid", (uint64_t)client->peer.pid) &&
               message_add_text(one, "comm", client->map.comm, sizeof client->map.comm) &&
               message_add_u64(one, "heap_bytes", home->resident[i].heap_bytes) &&
               message_add_u64(one, "threads", home->resident[i].threads);
    }
    return good;
}

// What is known of a way to memory; what is not is left out.
static bool
topology_put_access(cJSON *item, const struct topology_access *access)
{
    return (access->latency_ns == 0 ||
            message_add_u64(item, "latency_ns", access->latency_ns)) &&
           (access->bandwidth_mib == 0 ||
            message_add_u64(item, "bandwidth_bytes_per_s", access->bandwidth_mib * MIB));
}

static bool
topology_put_accesses(cJSON *item, const struct topology *t, unsigned place)
{
    cJSON *array = cJSON_AddArrayToObject(item, "access");
    bool good = array != NULL;

    for (unsigned i = 0; i < t->node_count && good; i++) {
        const struct topology_access *access = &t->access[i][place];
        if (access->latency_ns != 0 || access->bandwidth_mib != 0) {
            cJSON *from = reply_array_object(array);
            good = from != NULL && message_add_u64(from, "from", t->node[i].os_index) &&
                   topology_put_access(from, access);
        }
    }
    return good;
}

static bool
topology_put_distances(cJSON *item, const struct topology *t, unsigned place)
{
    cJSON *array = cJSON_AddArrayToObject(item, "distances");
    bool good = array != NULL;

    for (unsigned i = 0; i < t->node_count && t->has_distances && good; i++) {
        cJSON *to = reply_array_object(array);
        good = message_add_u64(to, "node", t->node[i].os_index) &&
               message_add_u64(to, "distance", t->distance[place][i]);
    }
    return good;
}

static bool
topology_put_node(cJSON *array, const struct topology_reply *r, unsigned place)
{
    const struct topology *t = r->t;
    const struct topology_node *node = &t->node[place];
    const struct topology_home *home = &r->home[place];
    const struct topology_access best = topology_best_access(t, place);
    cJSON *item = reply_array_object(array);

    return item != NULL && message_add_u64(item, "node", node->os_index) &&
           (node->package == TOPOLOGY_NONE ||
            message_add_u64(item, "package", t->package[node->package].os_index)) &&
           (node->tier == TOPOLOGY_NONE || message_add_u64(item, "tier", node->tier)) &&
           message_add_u64(item, "memory_bytes", r->host.node[place].total_bytes) &&
           (r->host.node[place].free_bytes == 0 ||
            message_add_u64(item, "free_bytes", r->host.node[place].free_bytes)) &&
           message_add_u64(item, "cpus", node->cpus) &&
           message_add_text(item, "cpu_list", node->cpu_list, sizeof node->cpu_list) &&
           topology_put_access(item, &best) && topology_put_accesses(item, t, place) &&
           topology_put_distances(item, t, place) &&
           message_add_u64(item, "processes", home->sum.processes) &&
           message_add_u64(item, "threads", home->sum.threads) &&
           message_add_u64(item, "heap_bytes", home->sum.value[PAGE_NODE_mapped]) &&
           message_add_u64(item, "active_bytes", home->sum.value[PAGE_NODE_active]) &&
           topology_put_residents(item, home);
}

static bool
topology_put_caches(cJSON *object, const struct topology_cache cache[TOPOLOGY_CACHE_LEVELS])
{
    cJSON *array = cJSON_AddArrayToObject(object, "caches");
    bool good = array != NULL;

    for (unsigned i = 0; i < TOPOLOGY_CACHE_LEVELS && good; i++) {
        if (cache[i].bytes != 0) {
            cJSON *item = reply_array_object(array);
            good = item != NULL && message_add_u64(item, "level", i + 1) &&
                   message_add_u64(item, "bytes", cache[i].bytes) &&
                   message_add_u64(item, "count", cache[i].count);
        }
    }
    return good;
}

static bool
topology_put_packages(cJSON *object, const struct topology *t)
{
    cJSON *array = cJSON_AddArrayToObject(object, "package_list");
    bool good = array != NULL;

    for (unsigned i = 0; i < t->package_count && good; i++) {
        const struct topology_package *package = &t->package[i];
        cJSON *item = reply_array_object(array);
        good = item != NULL && message_add_u64(item, "package", package->os_index) &&
               message_add_u64(item, "cores", package->cores) &&
               message_add_u64(item, "cpus", package->cpus) &&
               topology_put_caches(item, package->cache);
    }
    return good;
}

static bool
topology_put(cJSON *object, const struct topology_reply *r)
{
    const struct topology *t = r->t;
    bool good = object != NULL && message_add_u64(object, "packages", t->packages) &&
                message_add_u64(object, "cores", t->cores) &&
                message_add_u64(object, "cpus", t->cpus) &&
                message_add_u64(object, "memory_bytes", t->memory_bytes) &&
                message_add_u64(object, "page_bytes", t->page_bytes) &&
                cJSON_AddBoolToObject(object, "this_system", t->this_system) != NULL &&
                cJSON_AddBoolToObject(object, "truncated", t->truncated) != NULL &&
                topology_put_caches(object, t->cache) && topology_put_packages(object, t);
    cJSON *nodes = good ? cJSON_AddArrayToObject(object, "nodes") : NULL;

    good = nodes != NULL;
    for (unsigned i = 0; i < t->node_count && good; i++) {
        good = topology_put_node(nodes, r, i);
    }
    return good;
}

cJSON *
method_topology(struct roster *roster, const struct topology *t, const char *boot_id, uid_t uid)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    uint64_t seen_ns = roster_seen_ns(roster, now_ns);
    struct topology_reply *r = calloc(1, sizeof *r);

    if (r == NULL) {
        return NULL;
    }
    roster_sweep(roster, now_ns);
    r->t = t;
    placement_host(t, &r->host);
    for (size_t i = 0; i < roster->count; i++) {
        client_snapshot(roster->client[i], seen_ns);
        topology_visit(r, roster->client[i], uid);
    }
    cJSON *object = reply_begin(boot_id, "apexd.topology/1");
    if (!topology_put(object, r)) {
        cJSON_Delete(object);
        object = NULL;
    }
    free(r);
    return object;
}
