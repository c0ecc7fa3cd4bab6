// SPDX-License-Identifier: MIT
//
// From roster and topology to JSON; see methods.h. Every function that adds to an object
// returns false when memory is short; the reply is then given up as a whole, never sent with
// holes.

#include "apexd/methods.h"

#include "apexd/method_advise.h"
#include "apexd/method_ctl.h"
#include "apexd/method_frag.h"
#include "apexd/method_map.h"
#include "apexd/method_metrics.h"
#include "apexd/method_numa.h"
#include "apexd/method_profile.h"
#include "apexd/method_subscribe.h"
#include "apexd/method_topology.h"
#include "apexd/method_tune.h"
#include "apexd/placement.h"
#include "apexd/reply.h"
#include "apexd/saturate.h"
#include "apexd/totals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

// Sums over processes, by the name of the field.
struct methods_sum {
    unsigned count;
    struct page_field field[PAGE_MAP_FIELDS_MAX];
    uint64_t value[PAGE_MAP_FIELDS_MAX];
};

void
methods_init(struct methods *m, struct roster *roster, struct advisor *advisor,
             const struct topology *topology, const char *runtime_dir)
{
    m->roster = roster;
    m->advisor = advisor;
    m->topology = topology;
    m->runtime_dir = runtime_dir;
    m->started_ns = reply_now_ns(CLOCK_MONOTONIC);
    m->turn_ns = 0;
    memset(&m->scrapes, 0, sizeof m->scrapes);
    m->boot_id[0] = '\0';
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file != NULL) {
        if (fgets(m->boot_id, sizeof m->boot_id, file) != NULL) {
            m->boot_id[strcspn(m->boot_id, "\n")] = '\0';
        }
        fclose(file);
    }
}

// --- Heaps ---------------------------------------------------------------------------------------

static bool
methods_put_heap(cJSON *parent, const struct totals_heap *h)
{
    cJSON *heap = reply_object(parent, "heap");

    return message_add_u64(heap, "allocated_bytes", h->allocated) &&
           message_add_u64(heap, "active_bytes", h->active) &&
           message_add_u64(heap, "resident_bytes_max", h->resident_max) &&
           message_add_u64(heap, "dirty_bytes", h->dirty) &&
           message_add_u64(heap, "retained_bytes", h->retained) &&
           message_add_u64(heap, "mapped_bytes", h->mapped) &&
           message_add_u64(heap, "metadata_bytes", h->metadata);
}

static bool
methods_put_values(cJSON *parent, const char *name, const struct page_field *field, unsigned count,
                   const uint64_t *value, uint32_t section)
{
    cJSON *object = reply_object(parent, name);
    bool good = object != NULL;

    for (unsigned i = 0; i < count && good; i++) {
        if (section == field[i].section) {
            good = reply_value(object, field[i].name, field[i].unit, field[i].is_gauge, value[i]);
        }
    }
    return good;
}

// --- One process ---------------------------------------------------------------------------------

static bool
methods_may_see(uid_t uid, const struct client *client)
{
    return client_may_be_seen(client->peer.uid, uid);
}

// The process `pid`, if the caller may see it.
static enum message_error
methods_find(const struct methods *m, uid_t uid, uint64_t pid, struct client **client,
             const char **why)
{
    *client = pid > INT32_MAX ? NULL : roster_find(m->roster, (pid_t)pid);
    if (*client == NULL) {
        *why = "no process with this pid is registered";
        return MESSAGE_NO_SUCH_PROCESS;
    }
    if (!methods_may_see(uid, *client)) {
        *why = "only root and the user of a process may see its details";
        return MESSAGE_DENIED;
    }
    return MESSAGE_NONE;
}

// The process that the request names, whose parameter `pid` is required.
static enum message_error
methods_find_pid(const struct methods *m, uid_t uid, const struct message_request *request,
                 uint64_t now_ns, struct client **client, const char **why)
{
    uint64_t pid = 0;

    (void)message_param_u64(request, "pid", &pid);
    roster_sweep(m->roster, now_ns);
    return methods_find(m, uid, pid, client, why);
}

static bool
methods_put_process(cJSON *object, struct client *client, const struct page_snapshot *s,
                    uint64_t now_ns)
{
    struct totals_heap heap = totals_heap_of(&client->map, s);

    return client_put_identity(object, client) &&
           message_add_u64(object, "registered_ms", (now_ns - client->registered_ns) / 1000000) &&
           message_add_u64(object, "rss_bytes", client->rss_bytes) &&
           message_add_u64(object, "threads", s->threads_live) && methods_put_heap(object, &heap);
}

// What the process and all its threads have counted.
static bool
methods_put_counters(cJSON *object, const struct page_map *map, const struct page_snapshot *s)
{
    return methods_put_values(object, "counters", map->field, map->field_count, s->value,
                              APEX_SECTION_PROCESS) &&
           methods_put_values(object, "thread_counters", map->field, map->field_count, s->value,
                              APEX_SECTION_THREAD);
}

static bool
methods_put_classes(cJSON *object, const struct page_snapshot *s)
{
    cJSON *array = cJSON_AddArrayToObject(object, "classes");
    bool good = array != NULL;

    for (unsigned i = 0; i < s->class_count && good; i++) {
        const struct page_class *c = &s->class[i];
        if (c->size_bytes == 0 || (c->gained == 0 && c->lost == 0)) {
            continue;
        }
        cJSON *item = reply_array_object(array);
        uint64_t live = c->gained > c->lost ? c->gained - c->lost : 0;
        good = message_add_u64(item, "size_bytes", c->size_bytes) &&
               message_add_u64(item, "live", live) &&
               message_add_u64(item, "gained_total", c->gained) &&
               message_add_u64(item, "lost_total", c->lost);
    }
    return good;
}

static bool
methods_put_threads(cJSON *object, const struct client *client)
{
    const struct page_map *map = &client->map;
    cJSON *array = cJSON_AddArrayToObject(object, "thread_list");
    bool good = array != NULL;
    struct page_thread thread;
    unsigned slots = page_map_slots(map);

    for (unsigned i = 0; i < slots && good; i++) {
        page_map_thread(map, i, &thread);
        if (thread.state == APEX_SLOT_FREE) {
            continue;
        }
        cJSON *item = reply_array_object(array);
        good = message_add_u64(item, "slot", i) && message_add_u64(item, "tid", thread.tid) &&
               cJSON_AddBoolToObject(item, "live", thread.state == APEX_SLOT_LIVE) != NULL &&
               cJSON_AddBoolToObject(item, "shared", i == map->thread.count - 1) != NULL &&
               message_add_u64(item, "node", thread.node) &&
               message_add_u64(item, "live_bytes", thread.live_bytes) &&
               methods_put_values(item, "counters", map->field, map->field_count, thread.value,
                                  APEX_SECTION_THREAD);
    }
    return good;
}

static bool
methods_put_node(cJSON *array, unsigned number, const uint64_t value[PAGE_NODE_VALUES])
{
    cJSON *item = reply_array_object(array);
    bool good = item != NULL && message_add_u64(item, "node", number);

    for (unsigned i = 0; i < PAGE_NODE_VALUES && good; i++) {
        const struct page_node_field *field = &page_node_field[i];
        good = reply_value(item, field->name, field->unit, field->is_gauge, value[i]);
    }
    return good;
}

// The nodes as the process numbers them, be they ours or not.
static bool
methods_put_nodes(cJSON *object, const struct client *client)
{
    struct page_node row[PAGE_MAP_NODES_MAX];
    unsigned rows = page_map_nodes(&client->map, row);
    cJSON *array = cJSON_AddArrayToObject(object, "nodes");
    bool good = array != NULL;

    for (unsigned i = 0; i < rows && good; i++) {
        good = methods_put_node(array, row[i].node, row[i].value);
    }
    return good;
}

// The nodes of the machine, with the sums over all processes.
static bool
methods_put_node_sums(cJSON *object, const struct topology *t,
                      const struct placement_node sum[TOPOLOGY_NODES_MAX])
{
    cJSON *array = cJSON_AddArrayToObject(object, "nodes");
    bool good = array != NULL;

    for (unsigned i = 0; i < t->node_count && good; i++) {
        good = methods_put_node(array, t->node[i].os_index, sum[i].value);
    }
    return good;
}

// --- The methods ---------------------------------------------------------------------------------

static cJSON *
methods_stats_one(struct methods *m, struct client *client, uint64_t now_ns)
{
    const struct page_snapshot *s = client_snapshot(client, now_ns);
    client_refresh_rss(client, now_ns);
    cJSON *result = reply_begin(m->boot_id, "apexd.stats/1");
    cJSON *process = reply_object(result, "process");
    bool good = process != NULL && methods_put_process(process, client, s, now_ns) &&
                methods_put_counters(process, &client->map, s) && methods_put_classes(process, s) &&
                methods_put_threads(process, client) && methods_put_nodes(process, client);
    if (!good) {
        cJSON_Delete(result);
        return NULL;
    }
    return result;
}

static void
methods_sum_values(struct methods_sum *sum, const struct page_map *map,
                   const struct page_snapshot *s)
{
    for (unsigned i = 0; i < map->field_count; i++) {
        // Pages of one version of the library have their fields in one order.
        unsigned at = i < sum->count && sum->field[i].section == map->field[i].section &&
                              strcmp(sum->field[i].name, map->field[i].name) == 0
                          ? i
                          : 0;
        while (at < sum->count && (sum->field[at].section != map->field[i].section ||
                                   strcmp(sum->field[at].name, map->field[i].name) != 0)) {
            at++;
        }
        if (at == PAGE_MAP_FIELDS_MAX) {
            continue;
        }
        if (at == sum->count) {
            sum->field[at] = map->field[i];
            sum->value[at] = 0;
            sum->count++;
        }
        sum->value[at] = saturate_add(sum->value[at], s->value[i]);
    }
}

static bool
methods_put_daemon(cJSON *result, const struct methods *m, uint64_t now_ns)
{
    static const char *const words[APEX_HELLO_STATUS_COUNT] = {
#define METHODS_STATUS_WORD(name, number, word) [number] = word,
        APEX_HELLO_STATUSES(METHODS_STATUS_WORD)
#undef METHODS_STATUS_WORD
    };
    cJSON *daemon = reply_object(result, "daemon");
    bool good = message_add_u64(daemon, "uptime_ms", (now_ns - m->started_ns) / 1000000) &&
                message_add_u64(daemon, "longest_turn_us", m->turn_ns / 1000) &&
                message_add_u64(daemon, "registered_total", m->roster->registered_total);
    cJSON *rejected = good ? reply_object(daemon, "rejected_total") : NULL;

    good = rejected != NULL;
    for (unsigned i = APEX_HELLO_ACCEPTED + 1; i < APEX_HELLO_STATUS_COUNT && good; i++) {
        good = message_add_u64(rejected, words[i], m->roster->answered_total[i]);
    }
    return good;
}

static cJSON *
methods_stats_all(struct methods *m, uint64_t now_ns)
{
    uint64_t seen_ns = roster_seen_ns(m->roster, now_ns);
    struct totals_heap heap = {0};
    struct methods_sum sum = {.count = 0};
    struct placement_node nodes[TOPOLOGY_NODES_MAX] = {0};
    uint64_t threads = 0;
    cJSON *result = reply_begin(m->boot_id, "apexd.stats/1");

    for (size_t i = 0; i < m->roster->count; i++) {
        struct client *client = m->roster->client[i];
        const struct page_snapshot *s = client_snapshot(client, seen_ns);
        struct totals_heap one = totals_heap_of(&client->map, s);
        totals_heap_add(&heap, &one);
        methods_sum_values(&sum, &client->map, s);
        placement_add(client, m->topology, nodes);
        threads += s->threads_live;
    }
    bool good = result != NULL && message_add_u64(result, "processes", m->roster->count) &&
                message_add_u64(result, "threads", threads) && methods_put_heap(result, &heap) &&
                methods_put_values(result, "counters", sum.field, sum.count, sum.value,
                                   APEX_SECTION_PROCESS) &&
                methods_put_values(result, "thread_counters", sum.field, sum.count, sum.value,
                                   APEX_SECTION_THREAD) &&
                methods_put_node_sums(result, m->topology, nodes) &&
                methods_put_daemon(result, m, now_ns);
    if (!good) {
        cJSON_Delete(result);
        return NULL;
    }
    return result;
}

static enum message_error
methods_stats(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
              const char **why)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    uint64_t pid;

    roster_sweep(m->roster, now_ns);
    if (!message_param_u64(request, "pid", &pid)) {
        *result = methods_stats_all(m, now_ns);
        return MESSAGE_NONE;
    }
    struct client *client;
    enum message_error error = methods_find(m, uid, pid, &client, why);
    if (error != MESSAGE_NONE) {
        return error;
    }
    *result = methods_stats_one(m, client, now_ns);
    return MESSAGE_NONE;
}

static enum message_error
methods_processes(struct methods *m, uid_t uid, const struct message_request *request,
                  cJSON **result, const char **why)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    uint64_t seen_ns = roster_seen_ns(m->roster, now_ns);
    bool counters = message_param_flag(request, "counters");
    uint64_t hidden = 0;

    (void)why;
    roster_sweep(m->roster, now_ns);
    cJSON *object = reply_begin(m->boot_id, "apexd.processes/1");
    cJSON *array = object == NULL ? NULL : cJSON_AddArrayToObject(object, "processes");
    bool good = array != NULL;
    for (size_t i = 0; i < m->roster->count && good; i++) {
        struct client *client = m->roster->client[i];
        if (!methods_may_see(uid, client)) {
            hidden++;
            continue;
        }
        const struct page_snapshot *s = client_snapshot(client, seen_ns);
        cJSON *item = cJSON_CreateObject();
        client_refresh_rss(client, seen_ns);
        bool told = item != NULL && methods_put_process(item, client, s, now_ns) &&
                    (!counters || methods_put_counters(item, &client->map, s));
        good = reply_array_text(array, item) && told;
    }
    if (!good || !message_add_u64(object, "hidden", hidden)) {
        cJSON_Delete(object);
        object = NULL;
    }
    *result = object;
    return MESSAGE_NONE;
}

static enum message_error
methods_topology(struct methods *m, uid_t uid, const struct message_request *request,
                 cJSON **result, const char **why)
{
    (void)request;
    (void)why;
    *result = method_topology(m->roster, m->topology, m->boot_id, uid);
    return MESSAGE_NONE;
}

static enum message_error
methods_numa(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
             const char **why)
{
    return method_numa(m->roster, m->topology, m->boot_id, uid, request, result, why);
}

static bool
methods_put_methods(cJSON *object)
{
    static const char *const types[] = {
        [MESSAGE_number] = "number", [MESSAGE_text] = "text", [MESSAGE_flag] = "flag"};
    cJSON *array = cJSON_AddArrayToObject(object, "methods");
    bool good = array != NULL;

    for (unsigned i = 0; i < METHOD_COUNT && good; i++) {
        cJSON *item = reply_array_object(array);
        good = cJSON_AddStringToObject(item, "name", message_methods[i].name) != NULL &&
               cJSON_AddStringToObject(item, "text", message_methods[i].text) != NULL;
        cJSON *params = good ? cJSON_AddArrayToObject(item, "params") : NULL;
        good = params != NULL;
        for (size_t p = 0; p < message_param_count && good; p++) {
            if (message_params[p].method != (enum method)i) {
                continue;
            }
            cJSON *param = reply_array_object(params);
            const char *type = types[message_params[p].type];
            good = cJSON_AddStringToObject(param, "name", message_params[p].name) != NULL &&
                   cJSON_AddStringToObject(param, "type", type) != NULL &&
                   cJSON_AddBoolToObject(param, "required", message_params[p].required) != NULL;
        }
    }
    return good;
}

static enum message_error
methods_hello(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
              const char **why)
{
    cJSON *object = reply_begin(m->boot_id, "apexd.hello/1");
    bool good = object != NULL &&
                cJSON_AddStringToObject(object, "version", PACKAGE_VERSION) != NULL &&
                message_add_u64(object, "protocol", MESSAGE_VERSION) &&
                message_add_u64(object, "pid", (uint64_t)getpid()) &&
                message_add_u64(object, "uid", geteuid()) &&
                message_add_text(object, "runtime_dir", m->runtime_dir, strlen(m->runtime_dir)) &&
                message_add_u64(object, "processes_max", m->roster->capacity) &&
                methods_put_methods(object);

    (void)uid;
    (void)request;
    (void)why;
    if (!good) {
        cJSON_Delete(object);
        object = NULL;
    }
    *result = object;
    return MESSAGE_NONE;
}

static enum message_error
methods_map(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
            const char **why)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    struct client *client;
    enum message_error error = methods_find_pid(m, uid, request, now_ns, &client, why);

    return error != MESSAGE_NONE ? error
                                 : method_map(client, client_snapshot(client, now_ns), m->boot_id,
                                              request, result, why);
}

static enum message_error
methods_frag(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
             const char **why)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    struct client *client;
    enum message_error error = methods_find_pid(m, uid, request, now_ns, &client, why);

    return error != MESSAGE_NONE
               ? error
               : method_frag(client, client_snapshot(client, now_ns), m->boot_id, result);
}

static enum message_error
methods_ctl(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
            const char **why)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    struct client *client;
    enum message_error error = methods_find_pid(m, uid, request, now_ns, &client, why);

    return error != MESSAGE_NONE ? error
                                 : method_ctl(client, client_snapshot(client, now_ns), m->boot_id,
                                              request, result, why);
}

static enum message_error
methods_profile(struct methods *m, uid_t uid, const struct message_request *request,
                cJSON **result, const char **why)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    struct client *client;
    enum message_error error = methods_find_pid(m, uid, request, now_ns, &client, why);

    if (error == MESSAGE_NONE) {
        *result = method_profile(client, m->boot_id, now_ns);
    }
    return error;
}

static enum message_error
methods_tune(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
             const char **why)
{
    return method_tune(m->roster, m->boot_id, uid, request, result, why);
}

static enum message_error
methods_advise(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
               const char **why)
{
    return method_advise(m->advisor, m->boot_id, uid, request, result, why);
}

static enum message_error
methods_rules(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
              const char **why)
{
    return method_rules(m->roster, m->boot_id, uid, request, result, why);
}

static enum message_error
methods_metrics(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
                const char **why)
{
    (void)why;
    *result = method_metrics(&m->scrapes, m->roster, m->boot_id, m->started_ns, uid, request);
    return MESSAGE_NONE;
}

static enum message_error
methods_subscribe(struct methods *m, uid_t uid, const struct message_request *request,
                  cJSON **result, const char **why)
{
    struct subscribe_wish wish;
    struct client *client;
    enum message_error error = method_subscribe_read(request, &wish, why);

    if (error == MESSAGE_NONE && wish.of_one) {
        error = methods_find(m, uid, wish.pid, &client, why);
    }
    if (error == MESSAGE_NONE) {
        *result = method_subscribe_begin(m->boot_id, &wish);
    }
    return error;
}

typedef enum message_error methods_function(struct methods *m, uid_t uid,
                                            const struct message_request *request, cJSON **result,
                                            const char **why);

static methods_function *const functions[METHOD_COUNT] = {
#define METHOD(name, text) [METHOD_##name] = methods_##name,
#include "apexd/proto/methods.def"
};

bool
methods_walks(const struct message_request *request)
{
    bool of_one = request->method == METHOD_stats || request->method == METHOD_numa;
    uint64_t pid;

    return request->method == METHOD_processes || request->method == METHOD_metrics ||
           request->method == METHOD_topology ||
           (of_one && !message_param_u64(request, "pid", &pid));
}

bool
methods_is_of_many(const struct message_request *request)
{
    bool of_many = request->method == METHOD_tune || request->method == METHOD_advise;
    uint64_t pid;

    return methods_walks(request) || (of_many && !message_param_u64(request, "pid", &pid));
}

bool
methods_is_of_page(const struct message_request *request)
{
    return request->method == METHOD_map || request->method == METHOD_frag ||
           request->method == METHOD_profile;
}

enum message_error
methods_call(struct methods *m, uid_t uid, const struct message_request *request, cJSON **result,
             const char **why)
{
    *result = NULL;
    *why = "the daemon is short of memory";
    enum message_error error = functions[request->method](m, uid, request, result, why);
    return error == MESSAGE_NONE && *result == NULL ? MESSAGE_INTERNAL : error;
}

void
methods_free(struct methods *m)
{
    scrape_cache_free(&m->scrapes);
}
