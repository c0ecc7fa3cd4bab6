// SPDX-License-Identifier: MIT
//
// From options and weights to nodes; see steer.h. Nodes are indexes here (policy/numa.h), but where
// the kernel is asked or answered.

#include "policy/steer.h"

#include "os/lock.h"
#include "os/os.h"
#include "os/os_page.h"

#include <string.h>

// The shares of nodes, and whose turn it is: the smooth weighted round robin that web servers use.
// Each turn every node gains its weight; the one with the most has the turn, and pays the sum.
struct share {
    uint16_t weight; // more than 0
    uint8_t home;
    int64_t credit;
};

struct shares {
    uint32_t count; // atomic
    bool equal;
    int64_t sum;
    struct share share[APEX_ADVICE_WEIGHTS_MAX];
};

static struct lock shares_lock = LOCK_INIT(LOCK_RANK_STEER);
static struct shares shares; // in force

static int filters_at_start; // seccomp filters under which the process itself may bind
static uint32_t home_known;  // a node plus one, in the upper bits, and its index; atomic

void
steer_start(void)
{
    const struct config *config = config_get();

    if (config->numa_home != APEX_OPTION_NODE_NONE || config->numa_large != CONFIG_LARGE_TOUCH) {
        int filters = os_sandbox_filters();
        filters_at_start = filters < 0 ? 0 : filters;
    }
}

static bool
steer_binds(bool advised)
{
    return os_place_binds() && os_sandbox_filters() == (advised ? 0 : filters_at_start);
}

bool
steer_binds_home(void)
{
    return steer_binds(config_value(numa_home) != load_relaxed(&config_own()->numa_home));
}

unsigned
steer_index(unsigned node)
{
    unsigned i = 0;
    uint32_t flags;

    while (i < NUMA_HOMES && numa_node(i, &flags) != node) {
        i++;
    }
    return i;
}

// The index of a node that the process may take memory of.
static unsigned
steer_usable(unsigned node)
{
    const uint32_t wanted = APEX_NODE_MEMORY | APEX_NODE_ALLOWED;
    unsigned home = steer_index(node);
    uint32_t flags = 0;

    if (home != STEER_ANYWHERE) {
        numa_node(home, &flags);
    }
    return (flags & wanted) == wanted ? home : STEER_ANYWHERE;
}

SLOW unsigned
steer_home_of_option(uint64_t node)
{
    uint32_t known = load_relaxed(&home_known);

    if (known >> 8 != node + 1) {
        known = (uint32_t)(node + 1) << 8 | steer_usable((unsigned)node);
        store_relaxed(&home_known, known);
    }
    return known & 0xff;
}

bool
steer_node_is_allowed(uint64_t node)
{
    numa_refresh(os_now_ns());
    return node < OS_NODES_MAX && steer_usable((unsigned)node) != STEER_ANYWHERE;
}

static void
steer_add(struct steer_place *out, unsigned home)
{
    uint32_t flags;

    os_nodes_add(&out->nodes, numa_node(home, &flags));
    out->place.key |= UINT64_C(1) << home;
    out->place.nodes = &out->nodes;
}

static void
steer_prefer(struct steer_place *out, unsigned home)
{
    out->place.mode = LARGE_PREFER;
    out->place.home = (uint8_t)home;
    steer_add(out, home);
}

// Whose turn it is. With the lock.
static unsigned
steer_turn(void)
{
    struct share *next = &shares.share[0];

    for (unsigned i = 0; i < shares.count; i++) {
        struct share *share = &shares.share[i];
        share->credit += share->weight;
        next = share->credit > next->credit ? share : next;
    }
    next->credit -= shares.sum;
    return next->home;
}

// By the weights; false when there are none.
static bool
steer_by_weights(struct steer_place *out)
{
    lock_acquire(&shares_lock);
    unsigned count = shares.count;
    if (count > 1 && shares.equal) {
        out->place.mode = LARGE_INTERLEAVE;
        for (unsigned i = 0; i < count; i++) {
            steer_add(out, shares.share[i].home);
        }
    } else if (count > 0) {
        steer_prefer(out, steer_turn());
    }
    lock_release(&shares_lock);
    return count > 0;
}

// All nodes that the process may take memory of; those without processors are slow, and for who
// names them.
static void
steer_spread(struct steer_place *out)
{
    const uint32_t wanted = APEX_NODE_MEMORY | APEX_NODE_ALLOWED | APEX_NODE_CPUS;

    out->place.mode = LARGE_INTERLEAVE;
    for (unsigned i = 0; i < NUMA_HOMES; i++) {
        uint32_t flags;
        numa_node(i, &flags);
        if ((flags & wanted) == wanted) {
            steer_add(out, i);
        }
    }
}

static void
steer_bound(size_t bytes, uint64_t large, unsigned home, struct steer_place *out)
{
    bool small = bytes < config_value(numa_large_min);
    bool weighted = load_relaxed(&shares.count) > 0;
    bool advised = config_value(numa_large) != load_relaxed(&config_own()->numa_large);

    if (large == CONFIG_LARGE_SPREAD && !small) {
        // Without shares, the option may just have gone the way that they went.
        if (steer_binds(advised || weighted) && !steer_by_weights(out) &&
            config_value(numa_large) == CONFIG_LARGE_SPREAD) {
            steer_spread(out);
        }
    } else if (home != STEER_ANYWHERE) {
        if (steer_binds_home()) {
            steer_prefer(out, home);
        }
    } else if (large == CONFIG_LARGE_HOME && !small && steer_binds(advised)) {
        steer_prefer(out, out->place.home);
    }
    if (out->place.mode == LARGE_INTERLEAVE) {
        out->place.home = 0; // it has none
    }
}

void
steer_large(size_t bytes, struct steer_place *out)
{
    uint64_t large = config_value(numa_large);
    unsigned home = steer_home();

    out->place = (struct large_place){.mode = LARGE_TOUCH, .home = (uint8_t)numa_here()};
    if (unlikely(large != CONFIG_LARGE_TOUCH || home != STEER_ANYWHERE)) {
        memset(&out->nodes, 0, sizeof out->nodes);
        steer_bound(bytes, large, home, out);
    }
}

static bool
steer_take_share(struct shares *out, const struct apex_advice_weight *weight)
{
    unsigned home = steer_usable(weight->node);
    bool known = false;

    for (unsigned i = 0; i < out->count; i++) {
        known = known || out->share[i].home == home;
    }
    if (home == STEER_ANYWHERE || known) {
        return false;
    }
    out->share[out->count++] = (struct share){weight->weight, (uint8_t)home, 0};
    out->equal = out->equal && weight->weight == out->share[0].weight;
    out->sum += weight->weight;
    return true;
}

static bool
steer_shares_are(const struct shares *a, const struct shares *b)
{
    bool same = a->count == b->count;

    for (unsigned i = 0; i < b->count && same; i++) {
        same = a->share[i].weight == b->share[i].weight && a->share[i].home == b->share[i].home;
    }
    return same;
}

bool
steer_weigh(const struct apex_advice_weight *weight, unsigned count)
{
    struct shares next = {.equal = true};
    bool good = count <= APEX_ADVICE_WEIGHTS_MAX;

    if (count > 0) {
        numa_refresh(os_now_ns());
    }
    for (unsigned i = 0; good && i < count; i++) {
        good = weight[i].weight == 0 || steer_take_share(&next, &weight[i]);
    }
    good = good && (count == 0 || next.count > 0);
    next.count = good ? next.count : 0;
    lock_acquire(&shares_lock);
    if (!steer_shares_are(&shares, &next)) {
        shares.equal = next.equal;
        shares.sum = next.sum;
        memcpy(shares.share, next.share, sizeof shares.share);
        store_relaxed(&shares.count, next.count); // others read it without the lock
    }
    lock_release(&shares_lock);
    return good;
}

void
steer_fork_prepare(void)
{
    lock_acquire(&shares_lock);
}

void
steer_fork_parent(void)
{
    lock_release(&shares_lock);
}

void
steer_fork_child(void)
{
    lock_renew(&shares_lock);
}
