// SPDX-License-Identifier: MIT
//
// Packages, nodes, distances, and who lives where; see render_numa.h.

#include "apexctl/render_numa.h"

#include "apexctl/render.h"
#include "apexctl/table.h"
#include "apexctl/value.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const cJSON *
numa_item(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

// A number, or `-` for one that is not told.
static void
numa_known(struct table *t, const cJSON *object, const char *name)
{
    if (cJSON_IsNumber(numa_item(object, name))) {
        table_number(t, value_u64(object, name));
    } else {
        table_text(t, "-");
    }
}

// The same of a size; `each` is what stands behind it.
static void
numa_known_bytes(struct table *t, const cJSON *object, const char *name, const char *each)
{
    char bytes[TABLE_CELL_BYTES];
    char cell[TABLE_CELL_BYTES + 8];

    if (!cJSON_IsNumber(numa_item(object, name))) {
        table_text(t, "-");
        return;
    }
    snprintf(cell, sizeof cell, "%s%s", table_format_bytes(value_u64(object, name), bytes), each);
    table_text(t, cell);
}

// --- The machine ---------------------------------------------------------------------------------

static void
numa_caches(FILE *out, const cJSON *caches)
{
    char bytes[TABLE_CELL_BYTES];
    const cJSON *item;

    cJSON_ArrayForEach(item, caches)
    {
        uint64_t count = value_u64(item, "count");
        fprintf(out, ", L%" PRIu64 " %s", value_u64(item, "level"),
                table_format_bytes(value_u64(item, "bytes"), bytes));
        if (count > 1) {
            fprintf(out, " x %" PRIu64, count);
        }
    }
}

static void
numa_machine(FILE *out, const cJSON *result)
{
    char bytes[TABLE_CELL_BYTES];

    render_count(out, value_u64(result, "packages"), "package", "packages");
    fputs(", ", out);
    render_count(out, value_u64(result, "cores"), "core", "cores");
    fputs(", ", out);
    render_count(out, value_u64(result, "cpus"), "processor", "processors");
    fprintf(out, ", %s of memory", table_format_bytes(value_u64(result, "memory_bytes"), bytes));
    fprintf(out, ", pages of %s\n", table_format_bytes(value_u64(result, "page_bytes"), bytes));
}

// One line for each package, with the nodes it has; those that belong to none come last.
static void
numa_packages(FILE *out, const cJSON *result)
{
    const cJSON *nodes = numa_item(result, "nodes");
    const cJSON *package;
    const cJSON *node;

    cJSON_ArrayForEach(package, numa_item(result, "package_list"))
    {
        uint64_t number = value_u64(package, "package");
        const char *before = "";
        fprintf(out, "package %" PRIu64 ": ", number);
        render_count(out, value_u64(package, "cores"), "core", "cores");
        fputs(", ", out);
        render_count(out, value_u64(package, "cpus"), "processor", "processors");
        numa_caches(out, numa_item(package, "caches"));
        cJSON_ArrayForEach(node, nodes)
        {
            if (cJSON_IsNumber(numa_item(node, "package")) &&
                value_u64(node, "package") == number) {
                fprintf(out, "%s %" PRIu64, before[0] == '\0' ? ", nodes" : before,
                        value_u64(node, "node"));
                before = ",";
            }
        }
        fputc('\n', out);
    }
}

static void
numa_nodes(FILE *out, const cJSON *nodes)
{
    static const char *const titles[] = {"NODE", "PACKAGE", "MEMORY",    "FREE", "TIER",
                                         "LATENCY", "BANDWIDTH", "CPUS", "<LIST"};
    const cJSON *node;
    struct table t;

    fputc('\n', out);
    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(node, nodes)
    {
        char latency[TABLE_CELL_BYTES] = "-";
        const char *list = value_text(node, "cpu_list");
        if (value_u64(node, "latency_ns") != 0) {
            snprintf(latency, sizeof latency, "%" PRIu64 " ns", value_u64(node, "latency_ns"));
        }
        table_number(&t, value_u64(node, "node"));
        numa_known(&t, node, "package");
        table_bytes(&t, value_u64(node, "memory_bytes"));
        numa_known_bytes(&t, node, "free_bytes", "");
        numa_known(&t, node, "tier");
        table_text(&t, latency);
        numa_known_bytes(&t, node, "bandwidth_bytes_per_s", "/s");
        table_number(&t, value_u64(node, "cpus"));
        table_text(&t, list[0] == '\0' ? "none" : list);
    }
    table_print(&t, out);
}

// A matrix: from the node of the row to that of the column.
static void
numa_distances(FILE *out, const cJSON *nodes)
{
    const cJSON *node;
    const cJSON *to;

    if (cJSON_GetArraySize(nodes) < 2 ||
        cJSON_GetArraySize(numa_item(nodes->child, "distances")) == 0) {
        return;
    }
    fputs("\nDISTANCE (10 is local)\n    ", out);
    cJSON_ArrayForEach(node, nodes) { fprintf(out, " %4" PRIu64, value_u64(node, "node")); }
    fputc('\n', out);
    cJSON_ArrayForEach(node, nodes)
    {
        fprintf(out, "%4" PRIu64, value_u64(node, "node"));
        cJSON_ArrayForEach(to, numa_item(node, "distances"))
        {
            fprintf(out, " %4" PRIu64, value_u64(to, "distance"));
        }
        fputc('\n', out);
    }
}

// "redis-server 1.2 GiB, java 700 MiB", as many as there is room for.
static const char *
numa_residents(const cJSON *node, char text[TABLE_CELL_BYTES])
{
    char bytes[TABLE_CELL_BYTES];
    const cJSON *item;
    size_t used = 0;

    text[0] = '\0';
    cJSON_ArrayForEach(item, numa_item(node, "residents"))
    {
        char one[2 * TABLE_CELL_BYTES];
        int length = snprintf(one, sizeof one, "%s%s (%" PRIu64 ") %s", used == 0 ? "" : ", ",
                              value_text(item, "comm"), value_u64(item, "pid"),
                              table_format_bytes(value_u64(item, "heap_bytes"), bytes));
        if (length < 0 || used + (size_t)length >= TABLE_CELL_BYTES) {
            break;
        }
        memcpy(text + used, one, (size_t)length + 1);
        used += (size_t)length;
    }
    return text;
}

static void
numa_lives(FILE *out, const cJSON *nodes)
{
    static const char *const titles[] = {"NODE",    "PROCESSES", "THREADS",
                                         "HEAP", "ACTIVE",    "<LARGEST"};
    char text[TABLE_CELL_BYTES];
    const cJSON *node;
    struct table t;
    uint64_t processes = 0;

    cJSON_ArrayForEach(node, nodes) { processes += value_u64(node, "processes"); }
    if (processes == 0) {
        return;
    }
    fputc('\n', out);
    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(node, nodes)
    {
        table_number(&t, value_u64(node, "node"));
        table_number(&t, value_u64(node, "processes"));
        table_number(&t, value_u64(node, "threads"));
        table_bytes(&t, value_u64(node, "heap_bytes"));
        table_bytes(&t, value_u64(node, "active_bytes"));
        table_text(&t, numa_residents(node, text));
    }
    table_print(&t, out);
}

void
render_topology(FILE *out, const cJSON *result)
{
    const cJSON *nodes = numa_item(result, "nodes");

    numa_machine(out, result);
    numa_packages(out, result);
    numa_nodes(out, nodes);
    numa_distances(out, nodes);
    numa_lives(out, nodes);
}

// --- Where heaps lie -----------------------------------------------------------------------------

static void
numa_share(struct table *t, uint64_t part, uint64_t whole)
{
    char cell[TABLE_CELL_BYTES];

    if (whole == 0) {
        table_text(t, "-");
        return;
    }
    snprintf(cell, sizeof cell, "%.0f %%", 100 * (double)part / (double)whole);
    table_text(t, cell);
}

static uint64_t
numa_sum(const cJSON *nodes, const char *name)
{
    const cJSON *node;
    uint64_t sum = 0;

    cJSON_ArrayForEach(node, nodes) { sum += value_u64(node, name); }
    return sum;
}

// The figures that a node of a process and one of the machine have in common.
static void
numa_figures(struct table *t, const cJSON *node, uint64_t found)
{
    table_number(t, value_u64(node, "threads"));
    table_bytes(t, value_u64(node, "home_bytes"));
    table_bytes(t, value_u64(node, "active_bytes"));
    table_number(t, value_u64(node, "refills_local_total"));
    table_number(t, value_u64(node, "refills_remote_total"));
    table_number(t, value_u64(node, "frees_same_total"));
    table_number(t, value_u64(node, "frees_cross_total"));
    numa_share(t, value_u64(node, "at_home_total"), value_u64(node, "sampled_total"));
    numa_share(t, value_u64(node, "found_total"), found);
}

static void
numa_table(FILE *out, const cJSON *nodes, const char *second)
{
    const char *titles[] = {"NODE",   "",      "THREADS", "HOME",    "ACTIVE", "REFILLS",
                            "REMOTE", "FREES", "CROSS",   "AT HOME", "FOUND"};
    uint64_t found = numa_sum(nodes, "found_total");
    bool of_process = strcmp(second, "CPUS") == 0;
    const cJSON *node;
    struct table t;

    titles[1] = second;
    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(node, nodes)
    {
        table_number(&t, value_u64(node, "node"));
        if (of_process) {
            numa_known(&t, node, "cpus_allowed");
        } else {
            numa_known_bytes(&t, node, "free_bytes", "");
        }
        numa_figures(&t, node, found);
    }
    table_print(&t, out);
}

static void
numa_allowed(FILE *out, const cJSON *nodes)
{
    const cJSON *node;

    cJSON_ArrayForEach(node, nodes)
    {
        if (cJSON_IsFalse(numa_item(node, "allowed"))) {
            fprintf(out, "it may not take memory of node %" PRIu64 "\n", value_u64(node, "node"));
        }
    }
}

static void
numa_process(FILE *out, const cJSON *p)
{
    char bytes[TABLE_CELL_BYTES];
    const char *policy = value_text(p, "policy");

    render_clean(out, value_text(p, "comm"));
    fprintf(out, " (pid %" PRIu64 ", uid %" PRIu64 "), %s in core", value_u64(p, "pid"),
            value_u64(p, "uid"), table_format_bytes(value_u64(p, "rss_bytes"), bytes));
    fprintf(out, ", large objects %s", table_format_bytes(value_u64(p, "large_bytes"), bytes));
    fputs(", memory policy ", out);
    render_clean(out, policy[0] == '\0' ? "unknown" : policy);
    fputs(cJSON_IsTrue(numa_item(p, "seccomp")) ? ", under a seccomp filter\n" : "\n", out);
    numa_table(out, numa_item(p, "nodes"), "CPUS");
    numa_allowed(out, numa_item(p, "nodes"));
}

// Each process with the nodes where it is, its name at the first of them.
static void
numa_summary(FILE *out, const cJSON *processes)
{
    static const char *const titles[] = {"PID",    "<COMMAND", "NODE",  "THREADS", "HOME", "ACTIVE",
                                         "REMOTE", "CROSS",    "AT HOME"};
    const cJSON *process;
    const cJSON *node;
    struct table t;

    if (cJSON_GetArraySize(processes) == 0) {
        return;
    }
    fputc('\n', out);
    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(process, processes)
    {
        bool first = true;
        cJSON_ArrayForEach(node, numa_item(process, "nodes"))
        {
            uint64_t remote = value_u64(node, "refills_remote_total");
            uint64_t cross = value_u64(node, "frees_cross_total");
            if (first) {
                table_number(&t, value_u64(process, "pid"));
            } else {
                table_text(&t, "");
            }
            table_text(&t, first ? value_text(process, "comm") : "");
            first = false;
            table_number(&t, value_u64(node, "node"));
            table_number(&t, value_u64(node, "threads"));
            table_bytes(&t, value_u64(node, "home_bytes"));
            table_bytes(&t, value_u64(node, "active_bytes"));
            numa_share(&t, remote, remote + value_u64(node, "refills_local_total"));
            numa_share(&t, cross, cross + value_u64(node, "frees_same_total"));
            numa_share(&t, value_u64(node, "at_home_total"), value_u64(node, "sampled_total"));
        }
    }
    table_print(&t, out);
}

static void
numa_host(FILE *out, const cJSON *host)
{
    if (cJSON_IsTrue(numa_item(host, "numa_balancing"))) {
        fputs("the kernel moves pages by itself (kernel.numa_balancing)\n", out);
    }
    if (cJSON_IsTrue(numa_item(host, "numad"))) {
        fputs("numad runs, and moves processes\n", out);
    }
    if (cJSON_IsTrue(numa_item(host, "zone_reclaim"))) {
        fputs("nodes reclaim before others are asked for pages (vm.zone_reclaim_mode)\n", out);
    }
}

void
render_numa(FILE *out, const cJSON *result)
{
    const cJSON *processes = numa_item(result, "processes");
    const cJSON *process;
    bool detailed = cJSON_IsArray(processes) && processes->child != NULL &&
                    numa_item(processes->child, "policy") != NULL;
    uint64_t more = value_u64(result, "more");

    numa_host(out, numa_item(result, "host"));
    if (detailed) {
        cJSON_ArrayForEach(process, processes)
        {
            if (process != processes->child) {
                fputc('\n', out);
            }
            numa_process(out, process);
        }
    } else {
        numa_table(out, numa_item(result, "nodes"), "FREE");
        numa_summary(out, processes);
    }
    if (more != 0) {
        fputc('\n', out);
        render_count(out, more, "smaller process is", "smaller processes are");
        fputs(" left out\n", out);
    }
    render_hidden(out, value_u64(result, "hidden"));
}
