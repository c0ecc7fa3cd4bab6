// SPDX-License-Identifier: MIT
//
// From JSON to tables; see render.h.

#include "apexctl/render.h"

#include "apexctl/table.h"
#include "apexctl/value.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

void
render_clean(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
    }
}

void
render_count(FILE *out, uint64_t count, const char *one, const char *many)
{
    fprintf(out, "%" PRIu64 " %s", count, count == 1 ? one : many);
}

void
render_hidden(FILE *out, uint64_t hidden)
{
    if (hidden > 0) {
        fputc('\n', out);
        render_count(out, hidden, "process of another user is", "processes of other users are");
        fputs(" not shown\n", out);
    }
}

// What has been known before, and how long ago that was.
struct render_since {
    const cJSON *values; // NULL: nothing is known
    double seconds;
};

static struct render_since
render_since_of(const struct render_since *since, const char *name)
{
    return (struct render_since){cJSON_GetObjectItemCaseSensitive(since->values, name),
                                 since->seconds};
}

// A cell with how much `name` has changed a second.
static void
render_change(struct table *t, const cJSON *values, const struct render_since *since,
              const char *name, bool bytes)
{
    uint64_t now = value_u64(values, name);
    uint64_t then = value_u64(since->values, name);
    double change = (double)(now > then ? now - then : then - now) / since->seconds;
    const char *sign = now > then ? "+" : now < then ? "-" : "";
    char text[TABLE_CELL_BYTES];
    char cell[TABLE_CELL_BYTES + 1];

    if (bytes) {
        table_format_bytes((uint64_t)change, text);
    } else {
        snprintf(text, sizeof text, change > 0 && change < 99.95 ? "%.1f" : "%.0f", change);
    }
    snprintf(cell, sizeof cell, "%s%s", sign, text);
    table_text(t, cell);
}

static void
render_heap(FILE *out, const cJSON *heap, struct render_since since)
{
    static const struct {
        const char *field;
        const char *name;
        const char *text;
    } rows[] = {
        {"allocated_bytes", "allocated", "live objects"},
        {"active_bytes", "active", "blocks that hold them"},
        {"dirty_bytes", "dirty", "free, not given back yet"},
        {"metadata_bytes", "metadata", "bookkeeping"},
        {"resident_bytes_max", "resident", "at most: active + dirty + metadata"},
        {"retained_bytes", "retained", "free addresses, no memory behind them"},
        {"mapped_bytes", "mapped", "addresses held"},
    };
    static const char *const titles[] = {"<HEAP", "BYTES", "<MEANING"};
    static const char *const titles_since[] = {"<HEAP", "BYTES", "A SECOND", "<MEANING"};
    bool changes = since.values != NULL;
    struct table t;

    table_init(&t, changes ? titles_since : titles, changes ? COUNT(titles_since) : COUNT(titles));
    for (size_t i = 0; i < COUNT(rows); i++) {
        table_text(&t, rows[i].name);
        table_bytes(&t, value_u64(heap, rows[i].field));
        if (changes) {
            render_change(&t, heap, &since, rows[i].field, true);
        }
        table_text(&t, rows[i].text);
    }
    table_print(&t, out);
}

// All values of an object by their own names; those in bytes in units.
static void
render_counters(FILE *out, const char *title, const cJSON *counters, struct render_since since)
{
    const char *titles[] = {title, "VALUE", "A SECOND"};
    const cJSON *item;
    struct table t;

    if (!cJSON_IsObject(counters) || counters->child == NULL) {
        return;
    }
    fputc('\n', out);
    table_init(&t, titles, since.values != NULL ? 3 : 2);
    cJSON_ArrayForEach(item, counters)
    {
        table_text(&t, item->string);
        bool bytes = strstr(item->string, "_bytes") != NULL;
        if (bytes) {
            table_bytes(&t, value_u64(counters, item->string));
        } else {
            table_number(&t, value_u64(counters, item->string));
        }
        if (since.values != NULL) {
            render_change(&t, counters, &since, item->string, bytes);
        }
    }
    table_print(&t, out);
}

static void
render_classes(FILE *out, const cJSON *classes)
{
    static const char *const titles[] = {"CLASS", "LIVE", "BYTES", "GAINED", "LOST"};
    const cJSON *item;
    struct table t;

    if (cJSON_GetArraySize(classes) == 0) {
        return;
    }
    fputc('\n', out);
    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(item, classes)
    {
        uint64_t size = value_u64(item, "size_bytes");
        uint64_t live = value_u64(item, "live");
        table_number(&t, size);
        table_number(&t, live);
        table_bytes(&t, size != 0 && live > UINT64_MAX / size ? UINT64_MAX : size * live);
        table_number(&t, value_u64(item, "gained_total"));
        table_number(&t, value_u64(item, "lost_total"));
    }
    table_print(&t, out);
}

static void
render_threads(FILE *out, const cJSON *threads)
{
    static const char *const titles[] = {"THREAD",      "<STATE", "NODE",    "LIVE",
                                         "SLOW ALLOCS", "SENT",   "RECEIVED"};
    const cJSON *item;
    struct table t;

    if (cJSON_GetArraySize(threads) == 0) {
        return;
    }
    fputc('\n', out);
    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(item, threads)
    {
        const cJSON *counters = cJSON_GetObjectItemCaseSensitive(item, "counters");
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "shared"))) {
            table_text(&t, "others");
        } else {
            table_number(&t, value_u64(item, "tid"));
        }
        table_text(&t, cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "live")) ? "live"
                                                                                    : "exited");
        table_number(&t, value_u64(item, "node"));
        table_bytes(&t, value_u64(item, "live_bytes"));
        table_number(&t, value_u64(counters, "slow_allocs_total"));
        table_number(&t, value_u64(counters, "remote_sent_total"));
        table_number(&t, value_u64(counters, "remote_received_total"));
    }
    table_print(&t, out);
}

static void
render_process(FILE *out, const cJSON *p, const struct render_since *since)
{
    char rss[TABLE_CELL_BYTES];

    render_clean(out, value_text(p, "comm"));
    fprintf(out, " (pid %" PRIu64 ", uid %" PRIu64 "), libapex ", value_u64(p, "pid"),
            value_u64(p, "uid"));
    render_clean(out, value_text(p, "version"));
    fputs(", ", out);
    render_count(out, value_u64(p, "threads"), "thread", "threads");
    fprintf(out, ", %s in core\n\n", table_format_bytes(value_u64(p, "rss_bytes"), rss));
    render_heap(out, cJSON_GetObjectItemCaseSensitive(p, "heap"), render_since_of(since, "heap"));
    render_classes(out, cJSON_GetObjectItemCaseSensitive(p, "classes"));
    render_threads(out, cJSON_GetObjectItemCaseSensitive(p, "thread_list"));
    render_counters(out, "<PROCESS", cJSON_GetObjectItemCaseSensitive(p, "counters"),
                    render_since_of(since, "counters"));
    render_counters(out, "<ALL THREADS", cJSON_GetObjectItemCaseSensitive(p, "thread_counters"),
                    render_since_of(since, "thread_counters"));
}

void
render_stats_since(FILE *out, const cJSON *result, const cJSON *before)
{
    double seconds =
        ((double)value_u64(result, "monotonic_ns") - (double)value_u64(before, "monotonic_ns")) /
        1e9;
    struct render_since since = {seconds > 0 ? before : NULL, seconds};
    const cJSON *process = cJSON_GetObjectItemCaseSensitive(result, "process");

    if (process != NULL) {
        since = render_since_of(&since, "process");
        render_process(out, process, &since);
        return;
    }
    render_count(out, value_u64(result, "processes"), "process", "processes");
    fputs(", ", out);
    render_count(out, value_u64(result, "threads"), "thread", "threads");
    fputs("\n\n", out);
    render_heap(out, cJSON_GetObjectItemCaseSensitive(result, "heap"),
                render_since_of(&since, "heap"));
    render_counters(out, "<ALL PROCESSES", cJSON_GetObjectItemCaseSensitive(result, "counters"),
                    render_since_of(&since, "counters"));
    render_counters(out, "<ALL THREADS",
                    cJSON_GetObjectItemCaseSensitive(result, "thread_counters"),
                    render_since_of(&since, "thread_counters"));
}

void
render_stats(FILE *out, const cJSON *result)
{
    render_stats_since(out, result, NULL);
}

void
render_processes(FILE *out, const cJSON *result)
{
    static const char *const titles[] = {"PID",    "UID",   "<COMMAND", "THREADS", "ALLOCATED",
                                         "ACTIVE", "DIRTY", "RETAINED", "RSS"};
    const cJSON *item;
    struct table t;

    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(result, "processes"))
    {
        const cJSON *heap = cJSON_GetObjectItemCaseSensitive(item, "heap");
        table_number(&t, value_u64(item, "pid"));
        table_number(&t, value_u64(item, "uid"));
        table_text(&t, value_text(item, "comm"));
        table_number(&t, value_u64(item, "threads"));
        table_bytes(&t, value_u64(heap, "allocated_bytes"));
        table_bytes(&t, value_u64(heap, "active_bytes"));
        table_bytes(&t, value_u64(heap, "dirty_bytes"));
        table_bytes(&t, value_u64(heap, "retained_bytes"));
        table_bytes(&t, value_u64(item, "rss_bytes"));
    }
    table_print(&t, out);
    render_hidden(out, value_u64(result, "hidden"));
}

static bool
render_is_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

// The columns of an option that changes, or of one that is only shown.
static void
render_tune_option(struct table *t, const cJSON *process, const cJSON *option, bool all)
{
    const char *value = value_text(option, "value_text");

    table_number(t, value_u64(process, "pid"));
    table_text(t, value_text(process, "comm"));
    table_text(t, value_text(option, "key"));
    if (!all) {
        table_text(t, value_text(option, "old_text"));
        table_text(t, value_text(option, "wanted_text"));
        table_text(t, value_text(option, "source"));
        return;
    }
    table_text(t, strcmp(value_text(option, "type"), "path") == 0 ? "" : value);
    table_text(t, value_text(option, "source"));
    table_text(t, value_text(option, "own_text"));
    table_text(t, value_text(option, "default_text"));
    table_text(t, render_is_true(option, "live") ? "yes" : "no");
}

void
render_tune(FILE *out, const cJSON *result, bool all)
{
    static const char *const changes[] = {"PID", "<COMMAND", "<OPTION", "OLD", "NEW", "<BY"};
    static const char *const values[] = {"PID", "<COMMAND", "<OPTION", "VALUE",
                                         "<BY", "OWN",      "DEFAULT", "<LIVE"};
    const cJSON *process;
    const cJSON *option;
    struct table t;
    uint64_t denied = value_u64(result, "denied");
    uint64_t left_out = value_u64(result, "left_out");
    unsigned rows = 0;

    table_init(&t, all ? values : changes, all ? COUNT(values) : COUNT(changes));
    cJSON_ArrayForEach(process, cJSON_GetObjectItemCaseSensitive(result, "processes"))
    {
        cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(process, "options"))
        {
            if (all || render_is_true(option, "changed")) {
                render_tune_option(&t, process, option, all);
                rows++;
            }
        }
    }
    if (rows != 0) {
        table_print(&t, out);
    } else if (!all) {
        fputs("no option of a running process changes\n", out);
    }
    if (denied != 0) {
        render_count(out, denied, "process of another user is", "processes of other users are");
        fputs(" left alone\n", out);
    }
    if (left_out != 0) {
        render_count(out, left_out, "more process is", "more processes are");
        fputs(all ? " not shown\n" : " not shown, and treated the same\n", out);
    }
}

// "comm=redis-server,uid=33" of an object with texts and numbers.
static void
render_pairs(const cJSON *object, char *out, size_t capacity)
{
    const cJSON *item;
    size_t used = 0;

    out[0] = '\0';
    cJSON_ArrayForEach(item, object)
    {
        char *value = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
        int length = snprintf(out + used, capacity - used, "%s%s=%s", used == 0 ? "" : ",",
                              item->string, value == NULL ? item->valuestring : value);
        cJSON_free(value);
        if (length < 0 || (size_t)length >= capacity - used) {
            return;
        }
        used += (size_t)length;
    }
}

void
render_rules(FILE *out, const cJSON *result)
{
    char pairs[1024];
    const cJSON *rule;
    const char *path = value_text(result, "path");

    if (path[0] == '\0') {
        fputs("this apexd has no file of rules\n", out);
        return;
    }
    fputs("rules of ", out);
    render_clean(out, path);
    fputc('\n', out);
    cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(result, "rules"))
    {
        fputs("  ", out);
        render_pairs(cJSON_GetObjectItemCaseSensitive(rule, "match"), pairs, sizeof pairs);
        render_clean(out, pairs);
        fputs(": ", out);
        render_pairs(cJSON_GetObjectItemCaseSensitive(rule, "options"), pairs, sizeof pairs);
        render_clean(out, pairs);
        if (strcmp(value_text(rule, "numa"), "act") == 0) {
            fputs(pairs[0] == '\0' ? "acts on advice on NUMA" : "; acts on advice on NUMA", out);
        }
        fputc('\n', out);
    }
}

void
render_ctl(FILE *out, const cJSON *result)
{
    static const char *const titles[] = {"<NAME", "VALUE", "<UNIT"};
    const cJSON *leaf;
    struct table t;

    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(leaf, cJSON_GetObjectItemCaseSensitive(result, "leaves"))
    {
        table_text(&t, value_text(leaf, "name"));
        table_number(&t, value_u64(leaf, "value"));
        table_text(&t, value_text(leaf, "unit"));
    }
    table_print(&t, out);
}
