// SPDX-License-Identifier: MIT
//
// Answers `numa`; see method_numa.h. About all processes it says what their pages say; about one,
// or those that match, also what the kernel says of each.

#include "apexd/method_numa.h"

#include "apexd/placement.h"
#include "apexd/reply.h"
#include "apexd/rules.h"
#include "apexd/saturate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char why_text[RULES_WHY_BYTES];

// A request and what becomes of it.
struct numa_request {
    const struct topology *t;
    uid_t uid;
    uint64_t now_ns;
    uint64_t seen_ns; // to ask for snapshots by
    uint64_t pid;
    bool by_pid;
    cJSON *match; // owned; NULL: not by match
    size_t count;
    struct client **client; // owned; those to tell of
    uint64_t found;         // that were asked for and may be seen
    uint64_t hidden;        // that were asked for and may not
    struct picture_node sum[TOPOLOGY_NODES_MAX];
    unsigned processes[TOPOLOGY_NODES_MAX];
};

static bool
numa_is_of_all(const struct numa_request *r)
{
    return !r->by_pid && r->match == NULL;
}

static bool
numa_is_there(const struct picture_node *node)
{
    return node->home_bytes != 0 || node->threads != 0;
}

static void
numa_sum(struct numa_request *r, const struct picture *p)
{
    for (unsigned i = 0; i < p->node_count; i++) {
        const struct picture_node *node = &p->node[i];
        struct picture_node *sum = &r->sum[i];
        r->processes[i] += numa_is_there(node) ? 1 : 0;
        sum->threads += node->threads;
        sum->home_bytes = saturate_add(sum->home_bytes, node->home_bytes);
        sum->active_bytes = saturate_add(sum->active_bytes, node->active_bytes);
        sum->refills_local = saturate_add(sum->refills_local, node->refills_local);
        sum->refills_remote = saturate_add(sum->refills_remote, node->refills_remote);
        sum->frees_same = saturate_add(sum->frees_same, node->frees_same);
        sum->frees_cross = saturate_add(sum->frees_cross, node->frees_cross);
        sum->switches = saturate_add(sum->switches, node->switches);
        sum->sampled = saturate_add(sum->sampled, node->sampled);
        sum->at_home = saturate_add(sum->at_home, node->at_home);
        sum->found = saturate_add(sum->found, node->found);
    }
}

// --- The reply -----------------------------------------------------------------------------------

static bool
numa_put_node(cJSON *item, const struct picture_node *node)
{
    return message_add_u64(item, "threads", node->threads) &&
           message_add_u64(item, "home_bytes", node->home_bytes) &&
           message_add_u64(item, "active_bytes", node->active_bytes) &&
           message_add_u64(item, "refills_local_total", node->refills_local) &&
           message_add_u64(item, "refills_remote_total", node->refills_remote) &&
           message_add_u64(item, "frees_same_total", node->frees_same) &&
           message_add_u64(item, "frees_cross_total", node->frees_cross) &&
           message_add_u64(item, "switches_total", node->switches) &&
           message_add_u64(item, "sampled_total", node->sampled) &&
           message_add_u64(item, "at_home_total", node->at_home) &&
           message_add_u64(item, "found_total", node->found);
}

// Nodes of a process: in a reply about all, only those where it is.
static bool
numa_put_nodes(cJSON *item, const struct numa_request *r, const struct picture *p)
{
    cJSON *array = cJSON_AddArrayToObject(item, "nodes");
    bool all = numa_is_of_all(r);
    bool good = array != NULL;

    for (unsigned i = 0; i < p->node_count && good; i++) {
        const struct picture_node *node = &p->node[i];
        if (all && !numa_is_there(node)) {
            continue;
        }
        cJSON *one = reply_array_object(array);
        good = one != NULL && message_add_u64(one, "node", r->t->node[i].os_index) &&
               (all || (cJSON_AddBoolToObject(one, "allowed", node->allowed) != NULL &&
                        message_add_u64(one, "cpus_allowed", node->cpus_allowed))) &&
               numa_put_node(one, node);
    }
    return good;
}

static const char *
numa_policy(const struct picture *p)
{
    return !p->policy_known       ? "unknown"
           : p->policy_bind       ? "bind"
           : p->policy_interleave ? "interleave"
                                  : "default";
}

static bool
numa_put_client(cJSON *array, struct numa_request *r, struct client *client)
{
    struct picture picture;
    bool all = numa_is_of_all(r);
    cJSON *item = reply_array_object(array);

    if (all) {
        placement_look(client, r->t, false, r->seen_ns, &picture);
    } else {
        placement_picture(client, r->t, false, r->now_ns, &picture);
    }
    return item != NULL && client_put_identity(item, client) &&
           message_add_u64(item, "registered_ms", picture.age_ns / 1000000) &&
           message_add_u64(item, "rss_bytes", picture.rss_bytes) &&
           message_add_u64(item, "active_bytes", picture.active_bytes) &&
           message_add_u64(item, "large_bytes", picture.large_bytes) &&
           (all || (cJSON_AddBoolToObject(item, "seccomp", picture.seccomp) != NULL &&
                    cJSON_AddStringToObject(item, "policy", numa_policy(&picture)) != NULL)) &&
           numa_put_nodes(item, r, &picture);
}

static bool
numa_put_host(cJSON *object, const struct numa_request *r)
{
    struct picture_host host;
    cJSON *item = reply_object(object, "host");

    placement_host(r->t, &host);
    cJSON *array =
        item != NULL &&
                cJSON_AddBoolToObject(item, "numa_balancing", host.balancing) != NULL &&
                cJSON_AddBoolToObject(item, "numad", host.numad) != NULL &&
                cJSON_AddBoolToObject(item, "zone_reclaim", host.zone_reclaim) != NULL
            ? cJSON_AddArrayToObject(object, "nodes")
            : NULL;
    bool good = array != NULL;
    for (unsigned i = 0; i < r->t->node_count && good; i++) {
        cJSON *one = reply_array_object(array);
        good = one != NULL && message_add_u64(one, "node", r->t->node[i].os_index) &&
               message_add_u64(one, "memory_bytes", host.node[i].total_bytes) &&
               (host.node[i].free_bytes == 0 ||
                message_add_u64(one, "free_bytes", host.node[i].free_bytes)) &&
               message_add_u64(one, "processes", r->processes[i]) && numa_put_node(one, &r->sum[i]);
    }
    return good;
}

static cJSON *
numa_reply(struct numa_request *r, const char *boot_id)
{
    cJSON *object = reply_begin(boot_id, "apexd.numa/1");
    bool good = object != NULL && numa_put_host(object, r);
    cJSON *array = good ? cJSON_AddArrayToObject(object, "processes") : NULL;

    good = array != NULL;
    for (size_t i = 0; i < r->count && good; i++) {
        good = numa_put_client(array, r, r->client[i]);
    }
    if (!good || !message_add_u64(object, "more", r->found - r->count) ||
        !message_add_u64(object, "hidden", r->hidden)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

// --- The method ----------------------------------------------------------------------------------

static int
numa_larger(const void *a, const void *b)
{
    const struct client *one = *(struct client *const *)a;
    const struct client *two = *(struct client *const *)b;
    uint64_t first = page_map_value(&one->map, &one->snapshot, "mapped");
    uint64_t second = page_map_value(&two->map, &two->snapshot, "mapped");

    return first != second ? (first > second ? -1 : 1) : (one->peer.pid < two->peer.pid ? -1 : 1);
}

// False with a sentence in why_text.
static bool
numa_read(struct numa_request *r, const struct message_request *request)
{
    const char *match = message_param_text(request, "match");

    r->by_pid = message_param_u64(request, "pid", &r->pid);
    if (r->by_pid && match != NULL) {
        snprintf(why_text, sizeof why_text, "say either pid or match");
        return false;
    }
    r->match = match == NULL ? NULL : rules_match_of(match, why_text);
    return match == NULL || r->match != NULL;
}

static bool
numa_is_for(const struct numa_request *r, const struct client *client)
{
    return r->by_pid          ? r->pid == (uint64_t)client->peer.pid
           : r->match != NULL ? rules_match(r->match, client)
                              : true;
}

// Sums are of all that were asked for, but those of others only in a reply about all.
static void
numa_gather(struct numa_request *r, struct roster *roster)
{
    size_t limit = numa_is_of_all(r) ? METHOD_NUMA_ALL_MAX : METHOD_NUMA_MATCH_MAX;
    struct picture picture;

    for (size_t i = 0; i < roster->count; i++) {
        struct client *client = roster->client[i];
        bool seen = client_may_be_seen(client->peer.uid, r->uid);
        if (!numa_is_for(r, client)) {
            continue;
        }
        r->hidden += seen ? 0 : 1;
        if (seen || numa_is_of_all(r)) {
            placement_look(client, r->t, false, r->seen_ns, &picture);
            numa_sum(r, &picture);
        }
        if (seen) {
            r->client[r->found++] = client;
        }
    }
    qsort(r->client, r->found, sizeof r->client[0], numa_larger);
    r->count = r->found < limit ? r->found : limit;
}

static enum message_error
numa_missing(const struct numa_request *r)
{
    if (numa_is_of_all(r) || r->found != 0) {
        return MESSAGE_NONE;
    }
    if (r->hidden != 0) {
        snprintf(why_text, sizeof why_text,
                 "only root and the user of a process may see its details");
        return MESSAGE_DENIED;
    }
    snprintf(why_text, sizeof why_text, "no process %s is registered",
             r->by_pid ? "with this pid" : "that matches");
    return MESSAGE_NO_SUCH_PROCESS;
}

enum message_error
method_numa(struct roster *roster, const struct topology *t, const char *boot_id, uid_t uid,
            const struct message_request *request, cJSON **result, const char **why)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    struct numa_request *r = calloc(1, sizeof *r);
    enum message_error error = MESSAGE_BAD_PARAMS;

    if (r == NULL) {
        return MESSAGE_INTERNAL;
    }
    *r = (struct numa_request){.t = t, .uid = uid, .now_ns = now_ns};
    *why = why_text;
    if (numa_read(r, request)) {
        roster_sweep(roster, now_ns);
        r->seen_ns = roster_seen_ns(roster, now_ns);
        r->client = calloc(roster->count + 1, sizeof *r->client);
        error = MESSAGE_INTERNAL;
        snprintf(why_text, sizeof why_text, "the daemon is short of memory");
        if (r->client != NULL) {
            numa_gather(r, roster);
            error = numa_missing(r);
        }
    }
    if (error == MESSAGE_NONE) {
        *result = numa_reply(r, boot_id);
    }
    free(r->client);
    cJSON_Delete(r->match);
    free(r);
    return error;
}
