// SPDX-License-Identifier: MIT
//
// From a profile page and /proc/PID/maps to JSON; see method_profile.h.

#include "apexd/method_profile.h"

#include "apexd/proto/message.h"
#include "apexd/reply.h"
#include "apexd/saturate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGES 6 // up to 1 s, 10 s, 1 min, 10 min, 1 h, and older
#define PCS_BYTES (17 * APEX_PROFILE_DEPTH_MAX + 1)
#define MAPS_LINE_BYTES 4352 // a path has up to 4096

// What is live of one stack, by the entries of the objects.
struct profile_ages {
    uint64_t oldest_ns; // birth; 0: none
    uint64_t bytes[AGES];
};

struct profile_order {
    uint32_t index;
    uint64_t live_bytes;
    uint64_t alloc_bytes;
};

static unsigned
profile_age_class(uint64_t age_ns)
{
    static const uint64_t seconds[AGES - 1] = {1, 10, 60, 600, 3600};
    unsigned i = 0;

    while (i < AGES - 1 && age_ns > seconds[i] * UINT64_C(1000000000)) {
        i++;
    }
    return i;
}

// Enters every live object with its stack.
static void
profile_collect_ages(const struct profile_map *map, uint64_t now_ns, struct profile_ages *ages)
{
    struct apex_profile_live live;

    for (uint32_t i = 0; i < map->live_count; i++) {
        if (!profile_map_live(map, i, &live)) {
            continue;
        }
        struct profile_ages *a = &ages[live.stack];
        uint64_t bytes = 0;
        if (__builtin_mul_overflow(live.size_bytes, live.weight, &bytes)) {
            bytes = UINT64_MAX;
        }
        unsigned class = profile_age_class(saturate_less(now_ns, live.birth_ns));
        a->bytes[class] = saturate_add(a->bytes[class], bytes / APEX_PROFILE_WEIGHT_ONE);
        if (a->oldest_ns == 0 || live.birth_ns < a->oldest_ns) {
            a->oldest_ns = live.birth_ns;
        }
    }
}

static int
profile_compare(const void *left, const void *right)
{
    const struct profile_order *a = left;
    const struct profile_order *b = right;

    return a->live_bytes != b->live_bytes     ? (a->live_bytes < b->live_bytes ? 1 : -1)
           : a->alloc_bytes != b->alloc_bytes ? (a->alloc_bytes < b->alloc_bytes ? 1 : -1)
                                              : 0;
}

// --- Parts of the reply --------------------------------------------------------------------------

static bool
profile_put_sum(cJSON *parent, const char *name, uint64_t samples, uint64_t weight, uint64_t bytes)
{
    cJSON *sum = reply_object(parent, name);
    uint64_t objects = saturate_add(weight, APEX_PROFILE_WEIGHT_ONE / 2) / APEX_PROFILE_WEIGHT_ONE;

    return message_add_u64(sum, "samples", samples) && message_add_u64(sum, "objects", objects) &&
           message_add_u64(sum, "bytes", bytes);
}

static bool
profile_put_ages(cJSON *parent, const struct profile_ages *ages, uint64_t now_ns)
{
    static const char *const names[AGES] = {"1s", "10s", "1m", "10m", "1h", "older"};
    cJSON *object = reply_object(parent, "live_bytes_by_age");
    bool good = object != NULL;

    for (unsigned i = 0; i < AGES && good; i++) {
        good = message_add_u64(object, names[i], ages->bytes[i]);
    }
    uint64_t oldest = ages->oldest_ns == 0 ? 0 : saturate_less(now_ns, ages->oldest_ns);
    return good && message_add_u64(parent, "oldest_ms", oldest / 1000000);
}

static bool
profile_put_stack(cJSON *array, const struct apex_profile_stack *s,
                  const struct profile_ages *ages, uint64_t now_ns)
{
    char pcs[PCS_BYTES];
    size_t used = 0;
    cJSON *item = reply_array_object(array);

    pcs[0] = '\0';
    for (uint32_t i = 0; i < s->depth; i++) {
        int length =
            snprintf(pcs + used, sizeof pcs - used, "%s%" PRIx64, i == 0 ? "" : " ", s->pc[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    return item != NULL && cJSON_AddStringToObject(item, "pcs", pcs) != NULL &&
           profile_put_sum(item, "alloc", s->allocs.samples, s->allocs.weight, s->allocs.bytes) &&
           profile_put_sum(item, "live", saturate_less(s->allocs.samples, s->frees.samples),
                           saturate_less(s->allocs.weight, s->frees.weight),
                           saturate_less(s->allocs.bytes, s->frees.bytes)) &&
           profile_put_ages(item, ages, now_ns);
}

static bool
profile_put_stacks(cJSON *result, const struct profile_map *map, uint64_t now_ns,
                   struct profile_ages *ages, struct profile_order *order)
{
    struct apex_profile_stack s;
    uint32_t count = 0;
    cJSON *array = cJSON_AddArrayToObject(result, "stacks");
    bool good = array != NULL;

    profile_collect_ages(map, now_ns, ages);
    for (uint32_t i = 0; i < map->stack_count; i++) {
        if (profile_map_stack(map, i, &s)) {
            order[count++] = (struct profile_order){
                i, saturate_less(s.allocs.bytes, s.frees.bytes), s.allocs.bytes};
        }
    }
    qsort(order, count, sizeof *order, profile_compare);
    uint32_t shown = count < METHOD_PROFILE_STACKS_MAX ? count : METHOD_PROFILE_STACKS_MAX;
    for (uint32_t i = 0; i < shown && good; i++) {
        if (profile_map_stack(map, order[i].index, &s)) {
            good = profile_put_stack(array, &s, &ages[order[i].index], now_ns);
        }
    }
    return good && message_add_u64(result, "stacks_omitted", count - shown);
}

static bool
profile_put_mapping(cJSON *array, const char *line)
{
    uint64_t start;
    uint64_t end;
    uint64_t offset;
    char rights[5];
    int path = 0;

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &start, &end, rights,
               &offset, &path) < 4 ||
        path == 0 || rights[2] != 'x') {
        return true;
    }
    char hex[3][20];
    snprintf(hex[0], sizeof hex[0], "%" PRIx64, start);
    snprintf(hex[1], sizeof hex[1], "%" PRIx64, end);
    snprintf(hex[2], sizeof hex[2], "%" PRIx64, offset);
    cJSON *item = reply_array_object(array);
    return item != NULL && cJSON_AddStringToObject(item, "start", hex[0]) != NULL &&
           cJSON_AddStringToObject(item, "end", hex[1]) != NULL &&
           cJSON_AddStringToObject(item, "offset", hex[2]) != NULL &&
           message_add_text(item, "path", line + path, strlen(line + path));
}

// What can be executed. Asked by pid: the caller looks afterwards whether it was still ours.
static bool
profile_put_mappings(cJSON *result, pid_t pid)
{
    char name[64];
    char line[MAPS_LINE_BYTES];
    cJSON *array = cJSON_AddArrayToObject(result, "mappings");
    bool good = array != NULL;

    snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
    FILE *maps = good ? fopen(name, "re") : NULL;
    if (maps == NULL) {
        return good; // it has ended, or may not be looked at: addresses stay bare
    }
    while (good && cJSON_GetArraySize(array) < METHOD_PROFILE_MAPPINGS_MAX &&
           fgets(line, sizeof line, maps) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        good = profile_put_mapping(array, line);
    }
    fclose(maps);
    return good;
}

// --- The method ----------------------------------------------------------------------------------

static bool
profile_put(cJSON *result, struct client *client, uint64_t now_ns)
{
    const struct profile_map *map = &client->profile;
    struct apex_profile_header h = {0};

    if (map->base != NULL) {
        profile_map_header(map, &h);
    }
    bool good = message_add_u64(result, "pid", (uint64_t)client->peer.pid) &&
                message_add_text(result, "comm", client->map.comm, sizeof client->map.comm) &&
                cJSON_AddBoolToObject(result, "profiled", map->base != NULL) != NULL &&
                message_add_u64(result, "rate_bytes", h.rate_bytes) &&
                message_add_u64(
                    result, "duration_ms",
                    h.start_ns == 0 ? 0 : saturate_less(now_ns, h.start_ns) / 1000000) &&
                message_add_u64(result, "samples", h.samples) &&
                message_add_u64(result, "dropped_live", h.dropped_live) &&
                message_add_u64(result, "dropped_stacks", h.dropped_stacks);
    if (map->base == NULL) {
        return good && cJSON_AddArrayToObject(result, "stacks") != NULL &&
               message_add_u64(result, "stacks_omitted", 0) &&
               cJSON_AddArrayToObject(result, "mappings") != NULL;
    }
    struct profile_ages *ages = calloc(map->stack_count, sizeof *ages);
    struct profile_order *order = calloc(map->stack_count, sizeof *order);
    good = good && ages != NULL && order != NULL &&
           profile_put_stacks(result, map, now_ns, ages, order) &&
           profile_put_mappings(result, client->peer.pid);
    free(order);
    free(ages);
    return good;
}

cJSON *
method_profile(struct client *client, const char *boot_id, uint64_t now_ns)
{
    cJSON *result = reply_begin(boot_id, "apexd.profile/1");

    if (result == NULL || !profile_put(result, client, now_ns) || !client_alive(client)) {
        cJSON_Delete(result);
        return NULL;
    }
    return result;
}
