// SPDX-License-Identifier: MIT
//
// From the roster to samples; see scrape.h.

#include "apexd/scrape.h"

#include "apexd/reply.h"
#include "apexd/saturate.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define OTHERS 0 // the row of those that have none of their own; without labels, that of the host

// Rows as they are made.
struct scrape_rows {
    unsigned count;
    unsigned of_group[LEDGER_GROUPS_MAX + 1];
    unsigned of_client[ROSTER_CLIENTS_MAX]; // OTHERS: that of its group
    struct metrics_row row[METRICS_ROWS_MAX];
};

// How large a process is, to choose those that get a row.
struct scrape_size {
    uint64_t mapped;
    size_t client;
};

static struct metrics_row *
scrape_new_row(struct scrape_rows *rows, enum metrics_labels labels, const struct ledger_key *key)
{
    struct metrics_row *row = &rows->row[rows->count++];

    memset(row, 0, sizeof *row);
    row->labels = labels;
    row->key = *key;
    return row;
}

static void
scrape_add_past(struct metrics_row *row, const uint64_t past[LEDGER_FIELDS_MAX],
                const ledger_nodes past_node)
{
    ledger_sum_nodes(row->node, past_node);
    for (unsigned i = 0; i < LEDGER_FIELDS_MAX; i++) {
        row->value[i] = saturate_add(row->value[i], past[i]);
    }
}

static void
scrape_add_client(struct metrics_row *row, const struct ledger *ledger, const struct client *client)
{
    const struct page_snapshot *s = &client->snapshot;
    struct totals_heap heap = totals_heap_of(&client->map, s);

    row->processes++;
    row->threads += s->threads_live;
    totals_heap_add(&row->heap, &heap);
    ledger_add(&client->place, &client->map, s, row->value);
    ledger_add_nodes(ledger, &client->map, row->node);
}

// Groups, with what those of them that have left counted.
static void
scrape_groups(struct scrape_rows *rows, const struct ledger *ledger, uid_t uid)
{
    for (unsigned i = 0; i <= LEDGER_GROUPS_MAX; i++) {
        const struct ledger_group *g = &ledger->group[i];
        struct metrics_row *row = &rows->row[OTHERS];
        if (i != LEDGER_OTHER && g->started != 0 && client_may_be_seen(g->key.uid, uid)) {
            rows->of_group[i] = rows->count;
            row = scrape_new_row(rows, METRICS_OF_GROUP, &g->key);
        }
        row->started += g->started;
        scrape_add_past(row, g->past, g->past_node);
    }
    if (uid == SCRAPE_NOBODY) {
        scrape_add_past(&rows->row[OTHERS], ledger->gone, ledger->gone_node);
    }
}

static int
scrape_larger(const void *a, const void *b)
{
    const struct scrape_size *one = a;
    const struct scrape_size *two = b;

    if (one->mapped != two->mapped) {
        return one->mapped > two->mapped ? -1 : 1;
    }
    return one->client < two->client ? -1 : 1;
}

// The largest processes that may be seen, a row each. No past: a counter of one process begins and
// ends with it.
static bool
scrape_processes(struct scrape_rows *rows, const struct roster *roster, uid_t uid)
{
    struct scrape_size *size = calloc(roster->count + 1, sizeof *size);
    size_t seen = 0;
    struct ledger_key key;

    if (size == NULL) {
        return false;
    }
    for (size_t i = 0; i < roster->count; i++) {
        const struct client *client = roster->client[i];
        if (client_may_be_seen(client->peer.uid, uid)) {
            size[seen++] =
                (struct scrape_size){page_map_value(&client->map, &client->snapshot, "mapped"), i};
        }
    }
    qsort(size, seen, sizeof *size, scrape_larger);
    for (size_t i = 0; i < seen && i < METRICS_PROCESSES_MAX; i++) {
        const struct client *client = roster->client[size[i].client];
        client_key(client, &key);
        rows->of_client[size[i].client] = rows->count;
        scrape_new_row(rows, METRICS_OF_PROCESS, &key)->pid = (uint64_t)client->peer.pid;
    }
    free(size);
    return true;
}

// Reads all pages and makes the rows; NULL when memory is short.
static struct scrape_rows *
scrape_gather(struct roster *roster, const struct scrape_options *options, uint64_t now_ns)
{
    static const struct ledger_key others = {.comm = "other"};
    struct scrape_rows *rows = calloc(1, sizeof *rows);

    if (rows == NULL) {
        return NULL;
    }
    roster_sweep(roster, now_ns);
    uint64_t seen_ns = roster_seen_ns(roster, now_ns);
    for (size_t i = 0; i < roster->count; i++) {
        client_snapshot(roster->client[i], seen_ns);
    }
    scrape_new_row(rows, options->uid == SCRAPE_NOBODY ? METRICS_OF_HOST : METRICS_OF_OTHERS,
                   &others);
    // Of the host, who may see nothing of it, there is but one row.
    if (!options->per_process || options->uid == SCRAPE_NOBODY) {
        scrape_groups(rows, &roster->ledger, options->uid);
    } else if (!scrape_processes(rows, roster, options->uid)) {
        free(rows);
        return NULL;
    }
    for (size_t i = 0; i < roster->count; i++) {
        const struct client *client = roster->client[i];
        unsigned at = rows->of_client[i];
        at = at != OTHERS ? at : rows->of_group[client->place.group];
        rows->row[at].started += options->per_process ? 1 : 0;
        scrape_add_client(&rows->row[at], &roster->ledger, client);
    }
    return rows;
}

static uint64_t
scrape_pressed(const struct roster *roster)
{
    uint64_t pressed = 0;

    for (size_t i = 0; i < roster->count; i++) {
        pressed += roster->client[i]->watch.tightened ? 1 : 0;
    }
    return pressed;
}

static char *
scrape_make(struct roster *roster, const struct scrape_options *options, uint64_t now_ns)
{
    size_t bytes;
    uint64_t now_ms = reply_now_ns(CLOCK_REALTIME) / 1000000;
    struct scrape_rows *rows = scrape_gather(roster, options, now_ns);

    if (rows == NULL) {
        return NULL;
    }
    struct metrics_samples samples = {
        .version = PACKAGE_VERSION,
        .started_ms = now_ms - (now_ns - options->started_ns) / 1000000,
        .took_ns = reply_now_ns(CLOCK_MONOTONIC) - now_ns,
        .processes = roster->count,
        .capacity = roster->capacity,
        .pressed = scrape_pressed(roster),
        .sweeps = roster->sweeps_total,
        .swept_bytes = roster->swept_bytes_total,
        .field_count = roster->ledger.field_count,
        .field = roster->ledger.field,
        .node_count = roster->ledger.node_count,
        .node = roster->ledger.node,
        .row_count = rows->count,
        .row = rows->row,
    };
    memcpy(samples.advice, roster->advice_total, sizeof samples.advice);
    memcpy(samples.answered, roster->answered_total, sizeof samples.answered);
    char *text = metrics_render(&samples, options->format, &bytes);
    free(rows);
    return text;
}

static unsigned
scrape_place(const struct scrape_options *options)
{
    return (options->format == METRICS_OPENMETRICS ? 1 : 0) | (options->per_process ? 2 : 0) |
           (options->uid == SCRAPE_NOBODY ? 4 : 0);
}

bool
scrape_is_kept(const struct scrape_cache *cache, const struct scrape_options *options)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    const struct scrape_text *t = &cache->text[scrape_place(options)];

    return t->text != NULL && t->uid == options->uid && now_ns - t->made_ns < CLIENT_SNAPSHOT_NS;
}

const char *
scrape(struct scrape_cache *cache, struct roster *roster, const struct scrape_options *options)
{
    struct scrape_text *t = &cache->text[scrape_place(options)];

    if (!scrape_is_kept(cache, options)) {
        uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
        free(t->text);
        t->text = scrape_make(roster, options, now_ns);
        t->uid = options->uid;
        t->made_ns = now_ns;
    }
    return t->text;
}

void
scrape_cache_free(struct scrape_cache *cache)
{
    for (unsigned i = 0; i < SCRAPE_TEXTS; i++) {
        free(cache->text[i].text);
    }
    memset(cache, 0, sizeof *cache);
}
