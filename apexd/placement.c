// SPDX-License-Identifier: MIT
//
// Gathers pictures; see placement.h.

#include "apexd/placement.h"

#include "apexd/saturate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CPUS_MAX 8192u           // that a list may name
#define STATUS_BYTES 16384       // of /proc/PID/status: its lists may be long
#define PROBES_MAX 64u           // rows looked at for one that is in use
#define NUMAD_PATH "/run/numad.pid"

// What is remembered of one process.
struct placement_memory {
    uint64_t asked_ns;
    uint64_t sampled_last; // of its page, when it was asked
    bool refused;          // the kernel does not tell us
    uint64_t taken_ns;     // of the last picture that goes on; 0: there was none
    unsigned count;
    struct {
        uint32_t node;
        uint64_t value[PAGE_NODE_VALUES];
    } before[PAGE_MAP_NODES_MAX];
    uint64_t own[TOPOLOGY_NODES_MAX][3]; // sampled, at home, found: what we have seen ourselves
    uint32_t own_node[TOPOLOGY_NODES_MAX];
    unsigned own_count;
};

// --- Lists ---------------------------------------------------------------------------------------

// "0-3,8" to bits. What is no list ends it.
static void
placement_list(const char *text, uint64_t bits[CPUS_MAX / 64])
{
    memset(bits, 0, CPUS_MAX / 8);
    while (*text >= '0' && *text <= '9') {
        char *end;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long i = first; i <= last && i < CPUS_MAX; i++) {
            bits[i / 64] |= UINT64_C(1) << i % 64;
        }
        text = *end == ',' ? end + 1 : end;
    }
}

static unsigned
placement_common(const uint64_t a[CPUS_MAX / 64], const uint64_t b[CPUS_MAX / 64])
{
    unsigned common = 0;

    for (unsigned i = 0; i < CPUS_MAX / 64; i++) {
        common += (unsigned)__builtin_popcountll(a[i] & b[i]);
    }
    return common;
}

// --- The machine ---------------------------------------------------------------------------------

static uint64_t
placement_kib(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    uint64_t kib = 0;

    return at != NULL && sscanf(at + strlen(name), "%" SCNu64, &kib) == 1
               ? saturate_times(kib, 1024)
               : 0;
}

static bool
placement_is_set(const struct topology *t, const char *name)
{
    char text[32];
    return topology_file(t, name, text, sizeof text) && strtoul(text, NULL, 10) != 0;
}

// It leaves its number where daemons do. A number that another process has got is not numad.
static bool
placement_numad(const struct topology *t)
{
    char text[32];
    char path[64];
    char comm[32];

    if (!topology_file(t, NUMAD_PATH, text, sizeof text)) {
        return false;
    }
    snprintf(path, sizeof path, "/proc/%lu/comm", strtoul(text, NULL, 10));
    return topology_file(t, path, comm, sizeof comm) && strcmp(comm, "numad\n") == 0;
}

void
placement_host(const struct topology *t, struct picture_host *host)
{
    char path[64];
    char text[4096];

    memset(host, 0, sizeof *host);
    host->balancing = placement_is_set(t, "/proc/sys/kernel/numa_balancing");
    host->zone_reclaim = placement_is_set(t, "/proc/sys/vm/zone_reclaim_mode");
    host->numad = placement_numad(t);
    host->node_count = t->node_count;
    for (unsigned i = 0; i < t->node_count; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/node/node%u/meminfo",
                 t->node[i].os_index);
        host->node[i].total_bytes = t->node[i].memory_bytes;
        if (topology_file(t, path, text, sizeof text)) {
            uint64_t files =
                saturate_less(placement_kib(text, "FilePages:"), placement_kib(text, "Shmem:"));
            host->node[i].total_bytes = placement_kib(text, "MemTotal:");
            host->node[i].free_bytes = saturate_add(placement_kib(text, "MemFree:"), files);
        }
    }
}

// --- What pages say ------------------------------------------------------------------------------

static void
placement_threads(const struct client *client, const struct topology *t,
                  unsigned threads[TOPOLOGY_NODES_MAX])
{
    unsigned live = client->snapshot.threads_live; // no need to look at the slots behind them
    unsigned slots = page_map_slots(&client->map);
    uint32_t node;

    memset(threads, 0, TOPOLOGY_NODES_MAX * sizeof threads[0]);
    for (unsigned i = 0; i < slots && live > 0; i++) {
        if (page_map_thread_node(&client->map, i, &node)) {
            int place = topology_place(t, node);
            threads[place < 0 ? 0 : place] += place < 0 ? 0 : 1;
            live--;
        }
    }
}

void
placement_add(const struct client *client, const struct topology *t,
              struct placement_node node[TOPOLOGY_NODES_MAX])
{
    struct page_node row[PAGE_MAP_NODES_MAX];
    unsigned rows = page_map_nodes(&client->map, row);
    unsigned threads[TOPOLOGY_NODES_MAX];
    bool there[TOPOLOGY_NODES_MAX] = {false};

    placement_threads(client, t, threads);
    for (unsigned i = 0; i < rows; i++) {
        int place = topology_place(t, row[i].node);
        if (place < 0) {
            continue;
        }
        there[place] = row[i].value[PAGE_NODE_mapped] != 0;
        for (unsigned v = 0; v < PAGE_NODE_VALUES; v++) {
            node[place].value[v] = saturate_add(node[place].value[v], row[i].value[v]);
        }
    }
    for (unsigned i = 0; i < t->node_count; i++) {
        node[i].threads += threads[i];
        node[i].processes += there[i] || threads[i] != 0 ? 1 : 0;
    }
}

void
placement_sum(struct placement_node *sum, const struct placement_node *node)
{
    sum->processes += node->processes;
    sum->threads += node->threads;
    for (unsigned v = 0; v < PAGE_NODE_VALUES; v++) {
        sum->value[v] = saturate_add(sum->value[v], node->value[v]);
    }
}

// --- What the kernel says of a process -----------------------------------------------------------

// What stands behind `name` in /proc/PID/status; "" when it is not there. The name of a program
// cannot stand there: a newline in it is written as `\n`.
static const char *
placement_line(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    if (at == NULL) {
        return "";
    }
    at += strlen(name);
    return at + strspn(at, " \t");
}

void
placement_parse_status(const char *text, const struct topology *t, struct picture *out)
{
    uint64_t mems[CPUS_MAX / 64];
    uint64_t cpus[CPUS_MAX / 64];
    uint64_t of_node[CPUS_MAX / 64];

    placement_list(placement_line(text, "\nMems_allowed_list:"), mems);
    placement_list(placement_line(text, "\nCpus_allowed_list:"), cpus);
    out->seccomp = placement_line(text, "\nSeccomp:")[0] == '2';
    for (unsigned i = 0; i < t->node_count; i++) {
        unsigned number = t->node[i].os_index;
        placement_list(t->node[i].cpu_list, of_node);
        out->node[i].cpus_allowed = placement_common(cpus, of_node);
        out->node[i].allowed = number < CPUS_MAX && (mems[number / 64] >> number % 64 & 1) != 0;
    }
}

void
placement_parse_policy(const char *line, struct picture *out)
{
    const char *word = strchr(line, ' ');

    out->policy_known = word != NULL;
    if (word != NULL) {
        word++;
        out->policy_bind = strncmp(word, "bind", 4) == 0;
        out->policy_interleave = strncmp(word, "interleave", 10) == 0 ||
                                 strncmp(word, "weighted interleave", 19) == 0;
    }
}

// The first line only: the kernel walks the pages of what it writes lines about, and the first is
// about the program's head.
static void
placement_policy(const struct client *client, struct picture *out)
{
    char line[64];

    if (client_proc(client, "numa_maps", line, sizeof line)) {
        placement_parse_policy(line, out);
    }
}

static void
placement_status(const struct client *client, const struct topology *t, struct picture *out)
{
    char text[STATUS_BYTES];

    if (client_proc(client, "status", text, sizeof text)) {
        placement_parse_status(text, t, out);
    }
}

// --- Pictures ------------------------------------------------------------------------------------

static struct placement_memory *
placement_memory(struct client *client)
{
    if (client->placement == NULL) {
        client->placement = calloc(1, sizeof *client->placement);
    }
    return client->placement;
}

// What it was in the picture before; 0 for a node that was not there, or that has begun anew.
static uint64_t
placement_before(const struct placement_memory *m, const struct page_node *row, unsigned value)
{
    for (unsigned i = 0; m != NULL && i < m->count; i++) {
        if (m->before[i].node == row->node) {
            uint64_t before = m->before[i].value[value];
            return before <= row->value[value] ? before : 0;
        }
    }
    return 0;
}

static void
placement_remember(struct placement_memory *m, const struct page_node *row, unsigned rows,
                   uint64_t now_ns)
{
    m->taken_ns = now_ns;
    m->count = rows;
    for (unsigned i = 0; i < rows; i++) {
        m->before[i].node = row[i].node;
        memcpy(m->before[i].value, row[i].value, sizeof row[i].value);
    }
}

// Adds to the rows of a page what we have seen ourselves.
static void
placement_own(const struct placement_memory *m, struct page_node *row, unsigned rows)
{
    for (unsigned i = 0; m != NULL && i < rows; i++) {
        for (unsigned k = 0; k < m->own_count; k++) {
            if (m->own_node[k] == row[i].node) {
                uint64_t *value = row[i].value;
                value[PAGE_NODE_sampled] = saturate_add(value[PAGE_NODE_sampled], m->own[k][0]);
                value[PAGE_NODE_at_home] = saturate_add(value[PAGE_NODE_at_home], m->own[k][1]);
                value[PAGE_NODE_found] = saturate_add(value[PAGE_NODE_found], m->own[k][2]);
            }
        }
    }
}

static void
placement_row(const struct page_node *row, const struct placement_memory *before,
              struct picture_node *out)
{
#define PLACEMENT_SINCE(name) \
    (row->value[PAGE_NODE_##name] - placement_before(before, row, PAGE_NODE_##name))
    out->home_bytes = row->value[PAGE_NODE_mapped];
    out->active_bytes = row->value[PAGE_NODE_active];
    out->refills_local = PLACEMENT_SINCE(refills_local);
    out->refills_remote = PLACEMENT_SINCE(refills_remote);
    out->frees_same = PLACEMENT_SINCE(frees_same);
    out->frees_cross = PLACEMENT_SINCE(frees_cross);
    out->switches = PLACEMENT_SINCE(switches);
    out->sampled = PLACEMENT_SINCE(sampled);
    out->at_home = PLACEMENT_SINCE(at_home);
    out->found = PLACEMENT_SINCE(found);
#undef PLACEMENT_SINCE
}

static void
placement_rows(struct client *client, const struct topology *t, bool goes_on, struct picture *out)
{
    struct page_node row[PAGE_MAP_NODES_MAX];
    unsigned rows = page_map_nodes(&client->map, row);
    struct placement_memory *m = goes_on ? placement_memory(client) : client->placement;
    const struct placement_memory *before = goes_on ? m : NULL;

    placement_own(m, row, rows);
    for (unsigned i = 0; i < rows; i++) {
        int place = topology_place(t, row[i].node);
        if (place >= 0) {
            placement_row(&row[i], before, &out->node[place]);
        }
    }
    if (goes_on && m != NULL) {
        out->stretch_ns = m->taken_ns == 0 ? 0 : out->taken_ns - m->taken_ns;
        placement_remember(m, row, rows, out->taken_ns);
    } else {
        out->stretch_ns = goes_on ? 0 : out->age_ns;
    }
}

void
placement_look(struct client *client, const struct topology *t, bool goes_on, uint64_t now_ns,
               struct picture *out)
{
    const struct page_snapshot *s = client_snapshot(client, now_ns);
    unsigned threads[TOPOLOGY_NODES_MAX];

    memset(out, 0, sizeof *out);
    client_refresh_rss(client, now_ns);
    out->taken_ns = now_ns;
    out->age_ns = saturate_less(now_ns, client->registered_ns);
    out->rss_bytes = client->rss_bytes;
    out->active_bytes = page_map_value(&client->map, s, "active");
    out->large_bytes = page_map_value(&client->map, s, "large");
    out->node_count = t->node_count;
    placement_threads(client, t, threads);
    for (unsigned i = 0; i < t->node_count; i++) {
        out->node[i].threads = threads[i];
    }
    placement_rows(client, t, goes_on, out);
}

void
placement_picture(struct client *client, const struct topology *t, bool goes_on, uint64_t now_ns,
                  struct picture *out)
{
    placement_look(client, t, goes_on, now_ns, out);
    placement_status(client, t, out);
    placement_policy(client, out);
}

// --- Sampling ------------------------------------------------------------------------------------

// A few pages of superblocks, at random. Returns how many.
static unsigned
placement_choose(const struct page_map *map, uint64_t page_bytes,
                 void *address[PLACEMENT_SAMPLE_PAGES], uint32_t home[PLACEMENT_SAMPLE_PAGES])
{
    const uint64_t superblock_bytes =
        (uint64_t)APEX_STATS_SUPERBLOCK_BLOCKS * APEX_STATS_BLOCK_BYTES;
    uint64_t random[PLACEMENT_SAMPLE_PAGES];
    struct apex_stats_superblock sb;
    unsigned count = 0;

    if (map->superblock.count == 0 ||
        getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
        return 0;
    }
    for (unsigned i = 0; i < PLACEMENT_SAMPLE_PAGES; i++) {
        uint32_t row = (uint32_t)(random[i] >> 32) % map->superblock.count;
        bool used = page_map_superblock(map, row, &sb);
        for (unsigned probe = 0; probe < PROBES_MAX && !used; probe++) {
            row = (row + 1) % map->superblock.count;
            used = page_map_superblock(map, row, &sb);
        }
        if (used) {
            uint64_t page = (random[i] & UINT32_MAX) % (superblock_bytes / page_bytes);
            address[count] = (void *)(uintptr_t)(sb.base + page * page_bytes);
            home[count] = sb.node;
            count++;
        }
    }
    page_map_rest(map);
    return count;
}

static void
placement_count(struct placement_memory *m, uint64_t node, unsigned which)
{
    unsigned at = 0;

    while (at < m->own_count && m->own_node[at] != node) {
        at++;
    }
    if (at == TOPOLOGY_NODES_MAX) {
        return;
    }
    if (at == m->own_count) {
        m->own_node[at] = (uint32_t)node;
        m->own_count++;
    }
    m->own[at][which]++;
}

// Asks the kernel where pages of another process are: it tells whoever may look into the process.
// Pages that are not in core are left as they are.
static void
placement_sample(struct client *client, const struct topology *t)
{
    struct placement_memory *m = client->placement;
    void *address[PLACEMENT_SAMPLE_PAGES];
    uint32_t home[PLACEMENT_SAMPLE_PAGES];
    int status[PLACEMENT_SAMPLE_PAGES];
    unsigned count = placement_choose(&client->map, t->page_bytes, address, home);

    if (count == 0 || !client_alive(client)) {
        return;
    }
    if (syscall(SYS_move_pages, (long)client->peer.pid, (unsigned long)count, address, NULL,
                status, 0) != 0) {
        m->refused = true;
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (status[i] < 0 || topology_place(t, home[i]) < 0) {
            continue;
        }
        placement_count(m, home[i], 0);
        if (home[i] == (uint32_t)status[i]) {
            placement_count(m, home[i], 1);
        }
        placement_count(m, (uint64_t)status[i], 2);
    }
}

static uint64_t
placement_sampled(const struct client *client)
{
    struct page_node row[PAGE_MAP_NODES_MAX];
    unsigned rows = page_map_nodes(&client->map, row);
    uint64_t sampled = 0;

    for (unsigned i = 0; i < rows; i++) {
        sampled = saturate_add(sampled, row[i].value[PAGE_NODE_sampled]);
    }
    return sampled;
}

// Asks the process; and, when that has brought nothing since it was asked before, the kernel.
static void
placement_ask(struct placement *placement, struct client *client, const struct topology *t,
              uint64_t now_ns)
{
    struct placement_memory *m = placement_memory(client);

    if (m == NULL || (m->asked_ns != 0 && now_ns - m->asked_ns < PLACEMENT_ASK_NS)) {
        return;
    }
    uint64_t sampled = placement_sampled(client);
    if (placement->samples && !m->refused && m->asked_ns != 0 && sampled == m->sampled_last) {
        placement_sample(client, t);
    }
    m->asked_ns = now_ns;
    m->sampled_last = sampled;
    advice_sample(&client->advice);
}

void
placement_beat(struct placement *placement, struct roster *roster, const struct topology *t,
               uint64_t now_ns)
{
    if (t->node_count < 2) {
        return;
    }
    // A tenth of them in each beat, so that those who came together are not asked together.
    size_t asks = roster->count / 10 + 1;
    asks = asks < PLACEMENT_ASKS_MAX ? asks : PLACEMENT_ASKS_MAX;
    for (size_t i = 0; i < asks && i < roster->count; i++) {
        placement->next = placement->next + 1 < roster->count ? placement->next + 1 : 0;
        placement_ask(placement, roster->client[placement->next], t, now_ns);
    }
}
