// SPDX-License-Identifier: MIT
//
// Answers `ctl`; see method_ctl.h. Names, units and options are those of the process's own page, so
// that a process newer than the daemon shows all that it has.

#include "apexd/method_ctl.h"

#include "apexd/reply.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 64

// Where leaves go.
struct leaves {
    cJSON *array;
    const char *wanted; // NULL: all
    unsigned count;
    bool good; // false when memory is short
};

static void
leaves_put(struct leaves *l, const char *group, const char *name, const char *unit, uint64_t value)
{
    char full[NAME_BYTES];

    snprintf(full, sizeof full, "%s.%s", group, name);
    if (!l->good || (l->wanted != NULL && strcmp(l->wanted, full) != 0)) {
        return;
    }
    cJSON *leaf = reply_array_object(l->array);
    l->good = leaf != NULL && cJSON_AddStringToObject(leaf, "name", full) != NULL &&
              message_add_u64(leaf, "value", value) &&
              cJSON_AddStringToObject(leaf, "unit", unit) != NULL;
    l->count++;
}

static void
leaves_put_stats(struct leaves *l, const struct page_map *map, const struct page_snapshot *s)
{
    uint64_t large = page_map_value(map, s, "large");
    uint64_t active = page_map_value(map, s, "active");
    uint64_t allocated = s->small_bytes > UINT64_MAX - large ? UINT64_MAX : s->small_bytes + large;

    leaves_put(l, "stats", "allocated", "bytes", allocated);
    leaves_put(l, "stats", "cached", "bytes", active > allocated ? active - allocated : 0);
    leaves_put(l, "stats", "threads", "count", s->threads_live);
    for (unsigned i = 0; i < map->field_count; i++) {
        leaves_put(l, "stats", map->field[i].name, map->field[i].unit, s->value[i]);
    }
}

static void
leaves_put_options(struct leaves *l, const struct page_map *map)
{
    struct page_option option[PAGE_MAP_OPTIONS_MAX];
    unsigned count = page_map_options(map, option);

    for (unsigned i = 0; i < count; i++) {
        if (option[i].type != APEX_OPTION_PATH) {
            leaves_put(l, "option", option[i].key, option[i].unit, option[i].value);
        }
    }
}

static void
leaves_put_classes(struct leaves *l, const struct page_snapshot *s)
{
    for (unsigned i = 0; i < s->class_count; i++) {
        const struct page_class *c = &s->class[i];
        char group[NAME_BYTES / 2];

        if (c->size_bytes != 0) {
            snprintf(group, sizeof group, "class.%u", i);
            leaves_put(l, group, "size", "bytes", c->size_bytes);
            leaves_put(l, group, "live", "count", c->gained > c->lost ? c->gained - c->lost : 0);
            leaves_put(l, group, "gained", "count", c->gained);
            leaves_put(l, group, "lost", "count", c->lost);
        }
    }
}

enum message_error
method_ctl(const struct client *client, const struct page_snapshot *s, const char *boot_id,
           const struct message_request *request, cJSON **result, const char **why)
{
    cJSON *object = reply_begin(boot_id, "apexd.ctl/1");
    bool good = message_add_u64(object, "pid", (uint64_t)client->peer.pid);
    struct leaves l = {
        .array = good ? cJSON_AddArrayToObject(object, "leaves") : NULL,
        .wanted = message_param_text(request, "name"),
    };

    l.good = l.array != NULL;
    leaves_put_stats(&l, &client->map, s);
    leaves_put_options(&l, &client->map);
    leaves_put_classes(&l, s);
    if (!l.good || l.count == 0) {
        cJSON_Delete(object);
        *why = l.good ? "no such leaf, or none that can be seen from outside" : *why;
        return l.good ? MESSAGE_BAD_PARAMS : MESSAGE_INTERNAL;
    }
    *result = object;
    return MESSAGE_NONE;
}
