// SPDX-License-Identifier: MIT
//
// Groups of processes and their counters; see ledger.h. Arrays, walked from end to end: a process
// comes or goes far less often than its counters are read.

#include "apexd/ledger.h"

#include "apexd/saturate.h"
#include "apexd/totals.h"
#include "apexd/trust.h"

#include <stdio.h>
#include <string.h>

void
ledger_init(struct ledger *ledger)
{
    static const struct ledger_field known[] = {
#define STAT_PROCESS(name, kind, unit, text) \
    {APEX_SECTION_PROCESS, LEDGER_IS_##kind, #name, #unit, text},
#define STAT_THREAD(name, kind, unit, text) \
    {APEX_SECTION_THREAD, LEDGER_IS_##kind, #name, #unit, text},
#define LEDGER_IS_counter false
#define LEDGER_IS_gauge true
#include "libapex/tables/stats.def"
#undef LEDGER_IS_counter
#undef LEDGER_IS_gauge
    };
    _Static_assert(sizeof known / sizeof known[0] < LEDGER_FIELDS_MAX, "room for all of them");
    _Static_assert(LEDGER_FIELDS_MAX < LEDGER_NO_FIELD, "a byte can name each field");

    memset(ledger, 0, sizeof *ledger);
    memcpy(ledger->field, known, sizeof known);
    ledger->field_count = sizeof known / sizeof known[0];
    snprintf(ledger->group[LEDGER_OTHER].key.comm, LEDGER_COMM_BYTES, "other");
}

void
ledger_know_node(struct ledger *ledger, uint32_t number)
{
    unsigned at = 0;

    while (at < ledger->node_count && ledger->node[at] != number) {
        at++;
    }
    if (at == ledger->node_count && at < LEDGER_NODES_MAX) {
        ledger->node[ledger->node_count++] = number;
    }
}

void
ledger_sum_nodes(ledger_nodes sum, const ledger_nodes value)
{
    for (unsigned i = 0; i < LEDGER_NODES_MAX; i++) {
        for (unsigned v = 0; v < PAGE_NODE_VALUES; v++) {
            sum[i][v] = saturate_add(sum[i][v], value[i][v]);
        }
    }
}

// Gauges too, or counters only.
static void
ledger_take_nodes(const struct ledger *ledger, const struct page_map *map, bool gauges,
                  ledger_nodes value)
{
    struct page_node row[PAGE_MAP_NODES_MAX];
    unsigned rows = page_map_nodes(map, row);

    for (unsigned i = 0; i < rows; i++) {
        unsigned at = 0;
        while (at < ledger->node_count && ledger->node[at] != row[i].node) {
            at++;
        }
        for (unsigned v = 0; v < PAGE_NODE_VALUES && at < ledger->node_count; v++) {
            if (gauges || !page_node_field[v].is_gauge) {
                value[at][v] = saturate_add(value[at][v], row[i].value[v]);
            }
        }
    }
}

void
ledger_add_nodes(const struct ledger *ledger, const struct page_map *map, ledger_nodes value)
{
    ledger_take_nodes(ledger, map, true, value);
}

// The field of the ledger for one of a page; makes it when it is news and there is room.
static uint8_t
ledger_find_field(struct ledger *ledger, const struct page_field *wanted)
{
    unsigned at = 0;

    while (at < ledger->field_count && (ledger->field[at].section != wanted->section ||
                                        strcmp(ledger->field[at].name, wanted->name) != 0)) {
        at++;
    }
    if (at == LEDGER_FIELDS_MAX) {
        return LEDGER_NO_FIELD;
    }
    struct ledger_field *field = &ledger->field[at];
    if (at == ledger->field_count) {
        field->section = wanted->section;
        field->is_gauge = wanted->is_gauge;
        memcpy(field->name, wanted->name, sizeof field->name);
        memcpy(field->unit, wanted->unit, sizeof field->unit);
        field->text = NULL;
        ledger->field_count++;
    }
    bool same = field->is_gauge == wanted->is_gauge && strcmp(field->unit, wanted->unit) == 0;
    return same ? (uint8_t)at : LEDGER_NO_FIELD;
}

static bool
ledger_same_key(const struct ledger_key *a, const struct ledger_key *b)
{
    return a->uid == b->uid && strcmp(a->comm, b->comm) == 0 && strcmp(a->unit, b->unit) == 0;
}

// The place a new group gets: one that is free, else the one that nobody has used for longest.
// LEDGER_OTHER when all have processes, or when the user has enough of them.
static unsigned
ledger_make_room(const struct ledger *ledger, uid_t uid)
{
    unsigned best = LEDGER_OTHER;
    unsigned own_best = LEDGER_OTHER; // among those of this user
    unsigned of_uid = 0;

    for (unsigned i = 1; i <= LEDGER_GROUPS_MAX; i++) {
        const struct ledger_group *g = &ledger->group[i];
        bool own = g->started != 0 && g->key.uid == uid;
        of_uid += own ? 1 : 0;
        if (g->live != 0) {
            continue;
        }
        if (best == LEDGER_OTHER || g->order < ledger->group[best].order) {
            best = i;
        }
        if (own && (own_best == LEDGER_OTHER || g->order < ledger->group[own_best].order)) {
            own_best = i;
        }
    }
    return !trust_uid(uid) && of_uid >= LEDGER_GROUPS_OF_UID_MAX ? own_best : best;
}

static unsigned
ledger_find_group(struct ledger *ledger, const struct ledger_key *key)
{
    for (unsigned i = 1; i <= LEDGER_GROUPS_MAX; i++) {
        if (ledger->group[i].started != 0 && ledger_same_key(&ledger->group[i].key, key)) {
            return i;
        }
    }
    unsigned place = ledger_make_room(ledger, key->uid);
    if (place != LEDGER_OTHER) {
        struct ledger_group *g = &ledger->group[place];
        for (unsigned i = 0; i < LEDGER_FIELDS_MAX; i++) {
            ledger->gone[i] = saturate_add(ledger->gone[i], g->past[i]);
        }
        ledger_sum_nodes(ledger->gone_node, (const uint64_t(*)[PAGE_NODE_VALUES])g->past_node);
        memset(g, 0, sizeof *g);
        g->key = *key;
    }
    return place;
}

void
ledger_enter(struct ledger *ledger, const struct ledger_key *key, const struct page_map *map,
             struct ledger_place *place)
{
    place->group = ledger_find_group(ledger, key);
    memset(place->field, LEDGER_NO_FIELD, sizeof place->field);
    for (unsigned i = 0; i < map->field_count; i++) {
        place->field[i] = ledger_find_field(ledger, &map->field[i]);
    }
    struct ledger_group *g = &ledger->group[place->group];
    g->live++;
    g->started++;
    g->order = ++ledger->events;
}

void
ledger_leave(struct ledger *ledger, const struct ledger_place *place, const struct page_map *map,
             const struct page_snapshot *s)
{
    struct ledger_group *g = &ledger->group[place->group];

    for (unsigned i = 0; i < map->field_count; i++) {
        uint8_t field = place->field[i];
        if (field != LEDGER_NO_FIELD && !ledger->field[field].is_gauge) {
            g->past[field] = saturate_add(g->past[field], s->value[i]);
        }
    }
    ledger_take_nodes(ledger, map, false, g->past_node);
    g->live--;
    g->order = ++ledger->events;
}

void
ledger_add(const struct ledger_place *place, const struct page_map *map,
           const struct page_snapshot *s, uint64_t value[LEDGER_FIELDS_MAX])
{
    for (unsigned i = 0; i < map->field_count; i++) {
        uint8_t field = place->field[i];
        if (field != LEDGER_NO_FIELD) {
            value[field] = saturate_add(value[field], s->value[i]);
        }
    }
}
