// SPDX-License-Identifier: MIT
//
// Two tables by kernel number: the index of a node, and whose memory its threads take. Both are
// read by any thread at any time, byte by byte, and written by one: whoever refreshes.

#include "policy/numa.h"

#include "base/bits.h"
#include "os/os.h"
#include "os/os_numa.h"
#include "policy/config.h"

#include <string.h>

// The kernel tells nobody that it has changed. A look takes some ten microseconds for each node.
#define REFRESH_NS UINT64_C(5000000000)

struct numa_row {
    uint32_t node;  // atomic
    uint32_t flags; // atomic
};

static struct {
    const char *root;
    unsigned count;              // rows in use
    uint64_t seen;               // homes of threads that looked, a bit each
    uint8_t index[OS_NODES_MAX]; // 1 more than the index of the node; 0: it has none
    uint8_t home[OS_NODES_MAX];  // atomic
    struct numa_row row[NUMA_HOMES];
} nodes = {.root = ""};

uint32_t numa_many;
uint32_t numa_only;
uint32_t numa_changes;
uint64_t numa_due_ns = UINT64_MAX;
static uint32_t refreshing; // 1 while somebody does; atomic

_Static_assert(NUMA_HOMES <= 64, "a set of homes is a word");

// The index of a node, which gets one if it has none.
static unsigned
numa_index(unsigned node)
{
    if (nodes.index[node] == 0) {
        if (nodes.count < NUMA_HOMES) {
            store_relaxed(&nodes.row[nodes.count++].node, node);
        }
        nodes.index[node] = (uint8_t)nodes.count;
    }
    return nodes.index[node] - 1u;
}

static unsigned
numa_count(const struct os_nodes *set)
{
    unsigned count = 0;

    for (unsigned i = 0; i < OS_NODES_MAX / 64; i++) {
        count += bits_count(set->word[i]);
    }
    return count;
}

static struct os_nodes
numa_both(const struct os_nodes *a, const struct os_nodes *b)
{
    struct os_nodes both;

    for (unsigned i = 0; i < OS_NODES_MAX / 64; i++) {
        both.word[i] = a->word[i] & b->word[i];
    }
    return both;
}

// Gives each node of a set its index, so that the order of indexes is that of numbers.
static void
numa_enter(const struct os_nodes *set)
{
    for (unsigned n = 0; n < OS_NODES_MAX; n++) {
        if (os_nodes_has(set, n)) {
            numa_index(n);
        }
    }
}

static void
numa_show(const struct os_numa *numa)
{
    uint32_t flags[NUMA_HOMES] = {0};
    uint32_t changes = 0;

    for (unsigned n = 0; n < OS_NODES_MAX; n++) {
        if (os_nodes_has(&numa->online, n)) {
            flags[numa_index(n)] |= APEX_NODE_USED |
                                    (os_nodes_has(&numa->memory, n) ? APEX_NODE_MEMORY : 0) |
                                    (os_nodes_has(&numa->cpus, n) ? APEX_NODE_CPUS : 0) |
                                    (os_nodes_has(&numa->allowed, n) ? APEX_NODE_ALLOWED : 0);
        }
    }
    for (unsigned i = 0; i < NUMA_HOMES; i++) {
        // A node that has gone stays in sight: memory may still be called after it.
        uint32_t before = load_relaxed(&nodes.row[i].flags);
        flags[i] |= before & APEX_NODE_USED;
        store_relaxed(&nodes.row[i].flags, flags[i]);
        changes += flags[i] != before;
    }
    store_relaxed(&numa_changes, load_relaxed(&numa_changes) + changes);
}

// The nearest of `among`, or the first if the kernel does not say which is; -1: there is none.
static int
numa_nearest(unsigned node, const struct os_numa *numa, const struct os_nodes *among)
{
    int nearest = os_numa_nearest(nodes.root, node, &numa->online, among);

    for (unsigned i = 0; i < OS_NODES_MAX / 64 && nearest < 0; i++) {
        nearest = among->word[i] == 0 ? -1 : (int)(i * 64 + bits_lowest(among->word[i]));
    }
    return nearest;
}

// Whose memory threads on `node` take: a node of `usable`, if there is any.
static unsigned
numa_choose(unsigned node, const struct os_numa *numa, const struct os_nodes *usable)
{
    struct os_nodes fast = numa_both(usable, &numa->cpus);

    if (os_nodes_has(usable, node)) {
        return node;
    }
    int nearest = numa_nearest(node, numa, &fast);
    nearest = nearest >= 0 ? nearest : numa_nearest(node, numa, usable);
    return nearest >= 0 ? (unsigned)nearest : node;
}

static void
numa_look(void)
{
    struct os_numa numa;

    if (!os_numa_read(nodes.root, &numa)) {
        return;
    }
    struct os_nodes usable = numa_both(&numa.memory, &numa.allowed);
    usable = numa_both(&usable, &numa.online);
    numa_show(&numa);
    for (unsigned n = 0; n < OS_NODES_MAX; n++) {
        if (!os_nodes_has(&numa.online, n)) {
            continue;
        }
        unsigned home = numa_index(numa_choose(n, &numa, &usable));
        store_relaxed(&nodes.home[n], (uint8_t)home);
        nodes.seen |= os_nodes_has(&numa.runs, n) ? UINT64_C(1) << home : 0;
    }
    if (bits_count(nodes.seen) > 1) {
        store_relaxed(&numa_many, 1);
    }
}

// The node the process began on, for all that is not known better.
static void
numa_begin_with_one(void)
{
    unsigned node = os_numa_node() % OS_NODES_MAX;
    unsigned index = numa_index(node);

    store_relaxed(&nodes.row[index].flags,
                  APEX_NODE_USED | APEX_NODE_MEMORY | APEX_NODE_CPUS | APEX_NODE_ALLOWED);
    store_relaxed(&numa_only, index);
    memset(nodes.home, (int)index, sizeof nodes.home);
}

void
numa_start(const char *root)
{
    struct os_nodes possible = {{0}};
    bool wanted = config_value(numa) != CONFIG_NUMA_OFF;

    memset(&nodes, 0, sizeof nodes);
    nodes.root = root;
    store_relaxed(&numa_many, 0);
    store_relaxed(&numa_due_ns, UINT64_MAX);
    if (wanted) {
        os_numa_possible(root, &possible);
    }
    unsigned count = numa_count(&possible);
    if (count <= NUMA_HOMES) {
        numa_enter(&possible); // those that come later have their place in the order, too
    }
    numa_begin_with_one();
    if (count > 1) {
        numa_look();
        store_relaxed(&numa_only, numa_home_of(os_numa_node()));
        store_relaxed(&numa_due_ns, os_now_ns() + REFRESH_NS);
    }
}

unsigned
numa_home_of(unsigned node)
{
    return node < OS_NODES_MAX ? load_relaxed(&nodes.home[node]) : load_relaxed(&numa_only);
}

APART unsigned
numa_here_of_many(void)
{
    return numa_home_of(os_numa_node());
}

unsigned
numa_node(unsigned home, uint32_t *flags)
{
    *flags = load_relaxed(&nodes.row[home].flags);
    return *flags == 0 ? APEX_NODE_NONE : load_relaxed(&nodes.row[home].node);
}

SLOW void
numa_refresh(uint64_t now_ns)
{
    uint32_t expected = 0;

    // Pairs with the release below.
    if (!cas_strong_acquire(&refreshing, &expected, 1)) {
        return;
    }
    numa_look();
    store_relaxed(&numa_due_ns, now_ns + REFRESH_NS);
    store_release(&refreshing, 0);
}

void
numa_fork_child(void)
{
    store_relaxed(&refreshing, 0);
}
