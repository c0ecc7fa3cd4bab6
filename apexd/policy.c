// SPDX-License-Identifier: MIT
//
// Advice on NUMA; see policy.h. First the facts that all rules are made of, then one small function
// for each row of policy.def, then the memory: what is steady, what may be done, what has helped.
// All figures are a stranger's: sums saturate, and nothing is divided by them unseen.

#include "apexd/policy.h"

#include "apexd/saturate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ELSEWHERE_PERMILLE 100u // of the pages: a tenth out of place is worth a word
#define AT_HOME_PERMILLE 800u
#define CROSS_PERMILLE 250u // of frees or refills: there is no right place
#define TRAFFIC_PERMILLE 200u
#define HOT_PERMILLE 800u
#define HOT_THREADS_PERMILLE 750u
#define TIGHT_PERMILLE 100u // free memory of a node that is nearly full
#define CALLS_MIN 100u      // refills or frees; fewer tell nothing
#define TIER_LARGE_MIN (UINT64_C(256) << 20)
#define TIER_FAST_WEIGHT 3u
#define NO_INDEX UINT32_MAX
#define MIB(bytes) ((bytes) >> 20)

static const struct policy_row rows[POLICY_KIND_COUNT] = {
#define POLICY(kind, role, measure, confidence, what, expected, revert)                      \
    [POLICY_##kind] = {#kind, POLICY_ROLE_##role, POLICY_MEASURE_##measure, POLICY_##confidence, \
                       what, expected, revert},
#include "apexd/policy.def"
};

const struct policy_row *
policy_row(enum policy_kind kind)
{
    return &rows[kind];
}

enum policy_kind
policy_find(const char *word)
{
    unsigned kind = 0;

    while (kind < POLICY_KIND_COUNT && strcmp(rows[kind].word, word) != 0) {
        kind++;
    }
    return (enum policy_kind)kind;
}

const char *
policy_confidence_word(enum policy_confidence confidence)
{
    static const char *const words[] = {"low", "medium", "high"};
    return words[confidence];
}

// --- Facts ---------------------------------------------------------------------------------------

struct policy_facts {
    const struct topology *topology;
    const struct picture_host *host;
    const struct picture *picture;
    bool own_options;
    unsigned nodes;
    unsigned usable; // nodes with memory that the process may use
    unsigned busy;   // nodes that threads of it were seen on
    unsigned run;    // nodes with processors that it may run on
    uint64_t sampled;
    uint64_t at_home;
    uint64_t found;
    uint64_t threads;
    uint64_t refills;
    uint64_t refills_remote;
    uint64_t frees;
    uint64_t frees_cross;
    unsigned fullest; // the node with most pages found, by index
    unsigned centre;  // the node that it runs on: the only one it may, or where most threads are
    bool bound;       // it may run on one node only
};

// part of whole, in thousandths; 0 of nothing.
static unsigned
policy_permille(uint64_t part, uint64_t whole)
{
    if (whole == 0 || part == 0) {
        return 0;
    }
    if (part >= whole) {
        return 1000;
    }
    return part > UINT64_MAX / 1000 ? (unsigned)(part / (whole / 1000))
                                    : (unsigned)(part * 1000 / whole);
}

static uint64_t
policy_share(uint64_t bytes, unsigned permille)
{
    return bytes / 1000 * permille + bytes % 1000 * permille / 1000;
}

// The process may have memory of it.
static bool
policy_is_usable(const struct policy_facts *f, unsigned i)
{
    return f->picture->node[i].allowed && f->host->node[i].total_bytes != 0;
}

static void
policy_add_node(struct policy_facts *f, unsigned i)
{
    const struct picture_node *n = &f->picture->node[i];

    f->usable += policy_is_usable(f, i) ? 1 : 0;
    f->busy += n->threads != 0 ? 1 : 0;
    f->run += n->cpus_allowed != 0 ? 1 : 0;
    f->sampled = saturate_add(f->sampled, n->sampled);
    f->at_home = saturate_add(f->at_home, n->at_home);
    f->found = saturate_add(f->found, n->found);
    f->threads += n->threads;
    f->refills_remote = saturate_add(f->refills_remote, n->refills_remote);
    f->refills = saturate_add(f->refills, saturate_add(n->refills_local, n->refills_remote));
    f->frees_cross = saturate_add(f->frees_cross, n->frees_cross);
    f->frees = saturate_add(f->frees, saturate_add(n->frees_same, n->frees_cross));
    if (f->fullest == NO_INDEX || n->found > f->picture->node[f->fullest].found) {
        f->fullest = i;
    }
    if (f->centre == NO_INDEX || n->threads > f->picture->node[f->centre].threads) {
        f->centre = i;
    }
}

static void
policy_gather(struct policy_facts *f, const struct policy_input *in)
{
    unsigned nodes = in->topology->node_count;

    *f = (struct policy_facts){
        .topology = in->topology,
        .host = in->host,
        .picture = in->picture,
        .own_options = in->own_options,
        .fullest = NO_INDEX,
        .centre = NO_INDEX,
    };
    nodes = in->host->node_count < nodes ? in->host->node_count : nodes;
    nodes = in->picture->node_count < nodes ? in->picture->node_count : nodes;
    f->nodes = nodes < TOPOLOGY_NODES_MAX ? nodes : TOPOLOGY_NODES_MAX;
    for (unsigned i = 0; i < f->nodes; i++) {
        policy_add_node(f, i);
    }
    f->bound = f->run == 1;
    for (unsigned i = 0; i < f->nodes && f->bound; i++) {
        f->centre = f->picture->node[i].cpus_allowed != 0 ? i : f->centre;
    }
}

static unsigned
policy_number(const struct policy_facts *f, unsigned index)
{
    return f->topology->node[index].os_index;
}

// Pages that are not on the node, in thousandths, and about how many bytes of the heap that is.
static unsigned
policy_elsewhere(const struct policy_facts *f, unsigned index)
{
    return 1000 - policy_permille(f->picture->node[index].found, f->found);
}

// There is room for so much and a quarter more.
static bool
policy_has_room(const struct policy_facts *f, unsigned index, uint64_t bytes)
{
    return f->host->node[index].free_bytes >= saturate_add(bytes, bytes / 4);
}

static bool
policy_is_tight(const struct policy_facts *f, unsigned index)
{
    return policy_permille(f->host->node[index].free_bytes, f->host->node[index].total_bytes) <
           TIGHT_PERMILLE;
}

// Memory and no processors.
static bool
policy_is_tier(const struct policy_facts *f, unsigned index)
{
    return f->topology->node[index].cpus == 0 && policy_is_usable(f, index);
}

// --- What advice is made of ----------------------------------------------------------------------

static void policy_say(struct policy_advice *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
policy_say(struct policy_advice *a, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(a->why, sizeof a->why, format, arguments);
    va_end(arguments);
}

static void policy_print(struct policy_advice *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
policy_print(struct policy_advice *a, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(a->snippet, sizeof a->snippet, format, arguments);
    va_end(arguments);
}

static void
policy_show(struct policy_advice *a, const char *name, uint64_t value)
{
    if (a->evidence_count < POLICY_EVIDENCE_MAX) {
        a->evidence[a->evidence_count++] = (struct policy_evidence){name, value};
    }
}

static void
policy_change(struct policy_advice *a, const char *key, uint64_t value)
{
    if (a->change_count < POLICY_CHANGES_MAX) {
        a->change[a->change_count++] = (struct policy_change){key, value};
    }
}

static void
policy_weigh(struct policy_advice *a, unsigned node, unsigned weight)
{
    if (a->weight_count < APEX_ADVICE_WEIGHTS_MAX) {
        a->weight[a->weight_count++] =
            (struct apex_advice_weight){(uint16_t)node, (uint16_t)weight};
    }
}

// Start it anew there, in the words of systemd, numactl and a container.
static void
policy_print_bind(struct policy_advice *a, const struct policy_facts *f, unsigned index)
{
    unsigned node = policy_number(f, index);

    policy_print(a,
                 "systemd:  NUMAPolicy=preferred NUMAMask=%u CPUAffinity=%.96s\n"
                 "numactl:  numactl --cpunodebind=%u --preferred=%u PROGRAM\n"
                 "OCI:      \"memoryPolicy\": {\"mode\": \"MPOL_PREFERRED\", \"nodes\": \"%u\"}",
                 node, f->topology->node[index].cpu_list, node, node, node);
}

// --- Something is set up wrongly -----------------------------------------------------------------

static bool
policy_judge_mems_elsewhere(const struct policy_facts *f, struct policy_advice *a)
{
    unsigned near = NO_INDEX;

    for (unsigned i = 0; i < f->nodes; i++) {
        bool runs = f->picture->node[i].cpus_allowed != 0;
        if (runs && policy_is_usable(f, i)) {
            return false;
        }
        near = runs && f->host->node[i].total_bytes != 0 ? i : near;
    }
    if (near == NO_INDEX || f->usable == 0) {
        return false;
    }
    a->node = policy_number(f, near);
    policy_say(a, "it may run on node %u and not use its memory: all it allocates is remote",
               a->node);
    policy_show(a, "nodes_run_on", f->run);
    policy_show(a, "nodes_allowed", f->usable);
    policy_print(a, "systemd:  AllowedMemoryNodes=%u\ncgroup:   echo %u >cpuset.mems", a->node,
                 a->node);
    return true;
}

static bool
policy_judge_interleave_bound(const struct policy_facts *f, struct policy_advice *a)
{
    if (!f->picture->policy_known || !f->picture->policy_interleave || !f->bound ||
        f->usable < 2 || !policy_is_usable(f, f->centre)) {
        return false;
    }
    a->node = policy_number(f, f->centre);
    policy_say(a,
               "it interleaves its memory over nodes, and may run on node %u only: most of its "
               "accesses are remote",
               a->node);
    policy_show(a, "nodes_allowed", f->usable);
    policy_print_bind(a, f, f->centre);
    return true;
}

static bool
policy_judge_balancing_bind(const struct policy_facts *f, struct policy_advice *a)
{
    if (!f->host->balancing || !f->picture->policy_known || !f->picture->policy_bind) {
        return false;
    }
    policy_say(a, "kernel.numa_balancing is on, and takes faults on pages that are bound to nodes");
    policy_print(a, "sysctl:   kernel.numa_balancing=0\n"
                    "numactl:  numactl --balancing --membind=NODES PROGRAM");
    return true;
}

static bool
policy_judge_zone_reclaim(const struct policy_facts *f, struct policy_advice *a)
{
    if (!f->host->zone_reclaim || f->nodes < 2) {
        return false;
    }
    policy_say(a, "vm.zone_reclaim_mode is not 0: a full node is reclaimed, with stalls, before "
                  "another one is used");
    policy_print(a, "sysctl:   vm.zone_reclaim_mode=0");
    return true;
}

// What of the process lies elsewhere than the node it runs on. 0: not enough is known, or it runs
// on several.
static uint64_t
policy_spilled_bytes(const struct policy_facts *f)
{
    if (f->found < POLICY_PAGES_MIN || f->centre == NO_INDEX || !policy_is_usable(f, f->centre) ||
        (!f->bound && f->busy != 1)) {
        return 0;
    }
    unsigned elsewhere = policy_elsewhere(f, f->centre);
    uint64_t bytes = policy_share(f->picture->active_bytes, elsewhere);
    return elsewhere < ELSEWHERE_PERMILLE || bytes < POLICY_BYTES_MIN ? 0 : bytes;
}

static void
policy_show_spilled(const struct policy_facts *f, struct policy_advice *a, uint64_t bytes)
{
    a->node = policy_number(f, f->centre);
    policy_show(a, "elsewhere_permille", policy_elsewhere(f, f->centre));
    policy_show(a, "elsewhere_bytes_estimated", bytes);
    policy_show(a, "free_bytes", f->host->node[f->centre].free_bytes);
    policy_show(a, "pages_looked_at", f->found);
    policy_show(a, "rss_bytes", f->picture->rss_bytes);
}

static bool
policy_judge_no_room(const struct policy_facts *f, struct policy_advice *a)
{
    uint64_t bytes = policy_spilled_bytes(f);
    unsigned roomy = NO_INDEX;

    if (bytes == 0 || policy_has_room(f, f->centre, bytes)) {
        return false;
    }
    policy_show_spilled(f, a, bytes);
    for (unsigned i = 0; i < f->nodes; i++) {
        bool fits = policy_is_usable(f, i) && f->topology->node[i].cpus != 0 &&
                    policy_has_room(f, i, f->picture->rss_bytes);
        bool more = roomy == NO_INDEX ||
                    f->host->node[i].free_bytes > f->host->node[roomy].free_bytes;
        roomy = fits && more ? i : roomy;
    }
    policy_say(a,
               "about %" PRIu64 " MiB of it lie elsewhere than node %u, where it runs, and only "
               "%" PRIu64 " MiB are free there",
               MIB(bytes), a->node, MIB(f->host->node[f->centre].free_bytes));
    if (roomy != NO_INDEX) {
        policy_print_bind(a, f, roomy);
    }
    return true;
}

// --- Something could be moved --------------------------------------------------------------------

static bool
policy_judge_spilled(const struct policy_facts *f, struct policy_advice *a)
{
    uint64_t bytes = policy_spilled_bytes(f);

    if (bytes == 0 || !policy_has_room(f, f->centre, bytes)) {
        return false;
    }
    policy_show_spilled(f, a, bytes);
    unsigned elsewhere = policy_elsewhere(f, f->centre);
    policy_say(a,
               "it runs on node %u, but %u.%u %% of its pages lie elsewhere, about %" PRIu64
               " MiB, and node %u has %" PRIu64 " MiB free",
               a->node, elsewhere / 10, elsewhere % 10, MIB(bytes), a->node,
               MIB(f->host->node[f->centre].free_bytes));
    a->confidence = f->bound ? POLICY_HIGH : POLICY_MEDIUM; // or the scheduler may yet move it
    policy_change(a, "numa_home", a->node);
    a->rehome = true;
    return true;
}

// Refills and frees that went from one node to another.
static unsigned
policy_traffic(const struct policy_facts *f)
{
    return policy_permille(saturate_add(f->refills_remote, f->frees_cross),
                           saturate_add(f->refills, f->frees));
}

static bool
policy_judge_pack(const struct policy_facts *f, struct policy_advice *a)
{
    if (f->busy < 2 || f->bound || f->found < POLICY_PAGES_MIN ||
        saturate_add(f->refills, f->frees) < CALLS_MIN ||
        policy_traffic(f) < TRAFFIC_PERMILLE || !policy_is_usable(f, f->centre)) {
        return false;
    }
    const struct picture_node *n = &f->picture->node[f->centre];
    uint64_t bytes = policy_share(f->picture->rss_bytes, policy_elsewhere(f, f->centre));
    if (f->threads > n->cpus_allowed || n->threads * 2 < f->threads ||
        !policy_has_room(f, f->centre, bytes)) {
        return false;
    }
    a->node = policy_number(f, f->centre);
    policy_show(a, "traffic_permille", policy_traffic(f));
    policy_show(a, "threads", f->threads);
    policy_show(a, "processors", n->cpus_allowed);
    policy_show(a, "rss_bytes", f->picture->rss_bytes);
    policy_show(a, "free_bytes", f->host->node[f->centre].free_bytes);
    policy_say(a,
               "%u.%u %% of its traffic goes between nodes; its %" PRIu64 " threads and %" PRIu64
               " MiB would fit on node %u, where most of them are",
               policy_traffic(f) / 10, policy_traffic(f) % 10, f->threads,
               MIB(f->picture->rss_bytes), a->node);
    policy_change(a, "numa_home", a->node);
    policy_print_bind(a, f, f->centre);
    return true;
}

// Equal weights for nodes with memory and processors that are not nearly full. How many there are.
static unsigned
policy_weigh_fast(const struct policy_facts *f, struct policy_advice *a, unsigned weight)
{
    unsigned count = 0;

    for (unsigned i = 0; i < f->nodes; i++) {
        if (policy_is_usable(f, i) && f->picture->node[i].cpus_allowed != 0) {
            policy_weigh(a, policy_number(f, i), weight);
            count++;
        }
    }
    return count;
}

static bool
policy_any_tight(const struct policy_facts *f)
{
    bool tight = false;

    for (unsigned i = 0; i < f->nodes; i++) {
        tight = tight || (policy_is_usable(f, i) && f->picture->node[i].cpus_allowed != 0 &&
                          policy_is_tight(f, i));
    }
    return tight;
}

static bool
policy_judge_hot_spot(const struct policy_facts *f, struct policy_advice *a)
{
    if (f->busy < 2 || f->found < POLICY_PAGES_MIN || f->picture->large_bytes < POLICY_LARGE_MIN ||
        f->picture->large_bytes < f->picture->active_bytes / 4 || policy_any_tight(f)) {
        return false;
    }
    const struct picture_node *n = &f->picture->node[f->fullest];
    unsigned pages = policy_permille(n->found, f->found);
    unsigned threads = policy_permille(n->threads, f->threads);
    if (pages < HOT_PERMILLE || threads > HOT_THREADS_PERMILLE || policy_weigh_fast(f, a, 1) < 2) {
        return false;
    }
    policy_show(a, "hot_node", policy_number(f, f->fullest));
    policy_show(a, "on_it_permille", pages);
    policy_show(a, "threads_on_it_permille", threads);
    policy_show(a, "large_bytes", f->picture->large_bytes);
    policy_show(a, "pages_looked_at", f->found);
    policy_say(a,
               "%u.%u %% of its pages lie on node %u, and only %u.%u %% of its threads run there: "
               "one memory controller serves all; %" PRIu64 " MiB are large objects",
               pages / 10, pages % 10, policy_number(f, f->fullest), threads / 10, threads % 10,
               MIB(f->picture->large_bytes));
    policy_change(a, "numa_large", 2); // spread
    policy_change(a, "numa_large_min", POLICY_SPREAD_MIN);
    return true;
}

// Every node whose pages are away has room for them.
static bool
policy_homes_have_room(const struct policy_facts *f)
{
    for (unsigned i = 0; i < f->nodes; i++) {
        const struct picture_node *n = &f->picture->node[i];
        unsigned away = 1000 - policy_permille(n->at_home, n->sampled);
        if (n->sampled != 0 && (!policy_is_usable(f, i) ||
                                !policy_has_room(f, i, policy_share(n->active_bytes, away)))) {
            return false;
        }
    }
    return true;
}

static bool
policy_judge_rehome(const struct policy_facts *f, struct policy_advice *a)
{
    unsigned at_home = policy_permille(f->at_home, f->sampled);
    uint64_t bytes = policy_share(f->picture->active_bytes, 1000 - at_home);

    if (f->sampled < POLICY_PAGES_MIN || at_home >= AT_HOME_PERMILLE || bytes < POLICY_BYTES_MIN ||
        policy_spilled_bytes(f) != 0 || !policy_homes_have_room(f)) {
        return false;
    }
    policy_show(a, "at_home_permille", at_home);
    policy_show(a, "away_bytes_estimated", bytes);
    policy_show(a, "pages_looked_at", f->sampled);
    policy_say(a,
               "only %u.%u %% of its pages lie on the node of the threads that use them, about "
               "%" PRIu64 " MiB do not",
               at_home / 10, at_home % 10, MIB(bytes));
    a->rehome = true;
    return true;
}

static bool
policy_judge_tier(const struct policy_facts *f, struct policy_advice *a)
{
    unsigned tier = NO_INDEX;

    for (unsigned i = 0; i < f->nodes; i++) {
        bool fits = policy_is_tier(f, i) && policy_has_room(f, i, f->picture->large_bytes / 4);
        tier = tier == NO_INDEX && fits ? i : tier;
    }
    if (tier == NO_INDEX || f->picture->large_bytes < TIER_LARGE_MIN || !policy_any_tight(f) ||
        policy_weigh_fast(f, a, TIER_FAST_WEIGHT) == 0) {
        return false;
    }
    unsigned node = policy_number(f, tier);
    policy_weigh(a, node, 1);
    policy_show(a, "slow_node", node);
    policy_show(a, "slow_free_bytes", f->host->node[tier].free_bytes);
    policy_show(a, "large_bytes", f->picture->large_bytes);
    policy_say(a,
               "nodes with processors are nearly full, node %u has %" PRIu64
               " MiB free; whether its %" PRIu64
               " MiB of large objects are cold cannot be seen from here: DAMON can tell",
               node, MIB(f->host->node[tier].free_bytes), MIB(f->picture->large_bytes));
    policy_change(a, "numa_large", 2); // spread, by the weights
    return true;
}

// --- Leave it alone ------------------------------------------------------------------------------

static bool
policy_judge_one_node(const struct policy_facts *f, struct policy_advice *a)
{
    if (f->usable >= 2) {
        return false;
    }
    policy_show(a, "nodes_allowed", f->usable);
    policy_say(a, "%s", f->nodes < 2 ? "this machine has one NUMA node"
                                     : "it may have memory of one NUMA node only");
    return true;
}

static bool
policy_judge_small(const struct policy_facts *f, struct policy_advice *a)
{
    if (f->picture->rss_bytes >= POLICY_RSS_MIN) {
        return false;
    }
    policy_show(a, "rss_bytes", f->picture->rss_bytes);
    policy_say(a, "it has %" PRIu64 " MiB in core; below %" PRIu64 " MiB no placement matters",
               MIB(f->picture->rss_bytes), MIB(POLICY_RSS_MIN));
    return true;
}

static bool
policy_judge_unmeasured(const struct policy_facts *f, struct policy_advice *a)
{
    if (f->found >= POLICY_PAGES_MIN) {
        return false;
    }
    policy_show(a, "pages_looked_at", f->found);
    policy_say(a, "only %" PRIu64 " of its pages were looked at so far: it looks by itself when it "
                  "leaves its fast path, if its libapex can",
               f->found);
    return true;
}

static bool
policy_judge_balancing(const struct policy_facts *f, struct policy_advice *a)
{
    policy_say(a, "kernel.numa_balancing is on");
    return f->host->balancing;
}

static bool
policy_judge_numad(const struct policy_facts *f, struct policy_advice *a)
{
    policy_say(a, "a numad runs on this machine");
    return f->host->numad;
}

static bool
policy_judge_own_policy(const struct policy_facts *f, struct policy_advice *a)
{
    policy_say(a, "some of its memory is %s by the program, or by who started it",
               f->picture->policy_bind ? "bound to nodes" : "interleaved");
    return f->picture->policy_known && (f->picture->policy_bind || f->picture->policy_interleave);
}

static bool
policy_judge_own_options(const struct policy_facts *f, struct policy_advice *a)
{
    policy_say(a, "an option for NUMA is set by the process, a rule or a person");
    return f->own_options;
}

static bool
policy_judge_producer_consumer(const struct policy_facts *f, struct policy_advice *a)
{
    unsigned cross = policy_permille(f->frees_cross, f->frees);

    policy_show(a, "frees_cross_permille", cross);
    policy_show(a, "frees_for_others", f->frees);
    policy_say(a, "%u.%u %% of what one thread frees for another comes from another node",
               cross / 10, cross % 10);
    return f->busy >= 2 && f->frees >= CALLS_MIN && cross >= CROSS_PERMILLE;
}

static bool
policy_judge_migrating(const struct policy_facts *f, struct policy_advice *a)
{
    unsigned remote = policy_permille(f->refills_remote, f->refills);

    policy_show(a, "refills_remote_permille", remote);
    policy_show(a, "refills", f->refills);
    policy_say(a,
               "%u.%u %% of its refills come from another node than the thread is on: its threads "
               "may run on %u nodes and change between them",
               remote / 10, remote % 10, f->run);
    return f->run >= 2 && f->refills >= CALLS_MIN && remote >= CROSS_PERMILLE;
}

static bool
policy_judge_young(const struct policy_facts *f, struct policy_advice *a)
{
    policy_show(a, "age_ms", f->picture->age_ns / 1000000);
    policy_say(a, "it registered %" PRIu64 " s ago, and acting mode waits %" PRIu64 " s",
               f->picture->age_ns / 1000000000, (uint64_t)(POLICY_AGE_MIN_NS / 1000000000));
    return f->picture->age_ns < POLICY_AGE_MIN_NS;
}

// Dropped where there is anything to do, so that there is always something to say.
static bool
policy_judge_at_home(const struct policy_facts *f, struct policy_advice *a)
{
    unsigned at_home = policy_permille(f->at_home, f->sampled);

    policy_show(a, "at_home_permille", at_home);
    policy_show(a, "pages_looked_at", f->sampled);
    policy_say(a, "%u.%u %% of the pages that were looked at lie on the node they belong to%s",
               at_home / 10, at_home % 10,
               at_home >= AT_HOME_PERMILLE ? "" : "; the rest is too little to be worth a word");
    return true;
}

// --- All rules -----------------------------------------------------------------------------------

typedef bool policy_rule(const struct policy_facts *f, struct policy_advice *a);

static policy_rule *const rules[POLICY_KIND_COUNT] = {
#define POLICY(kind, role, measure, confidence, what, expected, revert) \
    [POLICY_##kind] = policy_judge_##kind,
#include "apexd/policy.def"
};

static bool
policy_is_option(const struct policy_advice *a)
{
    enum policy_role role = rows[a->kind].role;
    return role == POLICY_ROLE_MOVE || role == POLICY_ROLE_ASK;
}

static const struct policy_advice *
policy_first(const struct policy_list *list, enum policy_role role)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (rows[list->advice[i].kind].role == role) {
            return &list->advice[i];
        }
    }
    return NULL;
}

// Takes out what is hidden by a reason to leave the process alone, or, of two rules about the same
// thing, by the other.
static void
policy_hide(struct policy_list *list)
{
    bool hides = false;
    bool moves = false;
    unsigned kept = 0;

    for (unsigned i = 0; i < list->count; i++) {
        const struct policy_advice *a = &list->advice[i];
        hides = hides || (rows[a->kind].role == POLICY_ROLE_HIDE && a->kind != POLICY_at_home);
        moves = moves || policy_is_option(a) || a->kind == POLICY_no_room;
    }
    for (unsigned i = 0; i < list->count; i++) {
        const struct policy_advice *a = &list->advice[i];
        bool of_pages = policy_is_option(a) || a->kind == POLICY_no_room;
        bool drop = (hides && of_pages) || (a->kind == POLICY_at_home && (hides || moves));
        if (!drop) {
            list->advice[kept++] = *a;
        }
    }
    list->count = kept;
}

// Why nobody is to do it, and whether acting mode waits; lower confidence behind a filter, which
// may refuse what a process does about its memory.
static void
policy_hold(struct policy_list *list, const struct picture *picture)
{
    const struct policy_advice *hold = policy_first(list, POLICY_ROLE_HOLD);
    bool waits = policy_first(list, POLICY_ROLE_WAIT) != NULL;

    for (unsigned i = 0; i < list->count; i++) {
        struct policy_advice *a = &list->advice[i];
        a->held_by = policy_is_option(a) && hold != NULL ? hold->kind : POLICY_KIND_COUNT;
        a->waits = policy_is_option(a) && waits;
        if (policy_is_option(a) && picture->seccomp && a->confidence > POLICY_LOW) {
            a->confidence--;
        }
    }
}

void
policy_judge(const struct policy_input *in, struct policy_list *out)
{
    struct policy_facts facts;

    policy_gather(&facts, in);
    out->count = 0;
    for (unsigned kind = 0; kind < POLICY_KIND_COUNT; kind++) {
        struct policy_advice *a = &out->advice[out->count];
        memset(a, 0, sizeof *a);
        a->kind = (enum policy_kind)kind;
        a->confidence = rows[kind].confidence;
        a->node = POLICY_NO_NODE;
        out->count += rules[kind](&facts, a) ? 1 : 0;
    }
    policy_hide(out);
    policy_hold(out, in->picture);
}

// --- What is measured ----------------------------------------------------------------------------

static unsigned
policy_index(const struct topology *topology, uint32_t node)
{
    for (unsigned i = 0; i < topology->node_count && i < TOPOLOGY_NODES_MAX; i++) {
        if (topology->node[i].os_index == node) {
            return i;
        }
    }
    return NO_INDEX;
}

bool
policy_measure(enum policy_kind kind, uint32_t node, const struct policy_input *in,
               unsigned *permille)
{
    struct policy_facts f;
    unsigned index = policy_index(in->topology, node);

    policy_gather(&f, in);
    switch (rows[kind].measure) {
    case POLICY_MEASURE_NODE:
        if (f.found < POLICY_PAGES_MIN || index >= f.nodes) {
            return false;
        }
        *permille = policy_permille(f.picture->node[index].found, f.found);
        return true;
    case POLICY_MEASURE_HOME:
        *permille = policy_permille(f.at_home, f.sampled);
        return f.sampled >= POLICY_PAGES_MIN;
    case POLICY_MEASURE_BALANCE:
        if (f.found < POLICY_PAGES_MIN) {
            return false;
        }
        *permille = policy_elsewhere(&f, f.fullest);
        return true;
    case POLICY_MEASURE_NONE:
        break;
    }
    return false;
}

// --- Memory --------------------------------------------------------------------------------------

static uint64_t
policy_age(uint64_t then_ns, uint64_t now_ns)
{
    return saturate_less(now_ns, then_ns);
}

static bool
policy_has_pages(const struct picture *picture)
{
    uint64_t found = 0;

    for (unsigned i = 0; i < picture->node_count && i < TOPOLOGY_NODES_MAX; i++) {
        found = saturate_add(found, picture->node[i].found);
    }
    return found >= POLICY_PAGES_MIN;
}

// A picture of a stretch without pages gets those of the last one that had some, while they tell
// anything.
static void
policy_merge_pages(struct policy_state *state, struct picture *picture, uint64_t now_ns)
{
    bool fresh = policy_has_pages(picture);
    bool kept = state->pages_ns != 0 && policy_age(state->pages_ns, now_ns) < POLICY_STALE_NS;

    for (unsigned i = 0; i < picture->node_count && i < TOPOLOGY_NODES_MAX; i++) {
        struct picture_node *n = &picture->node[i];
        if (fresh) {
            state->pages[i].sampled = n->sampled;
            state->pages[i].at_home = n->at_home;
            state->pages[i].found = n->found;
        } else if (kept) {
            n->sampled = state->pages[i].sampled;
            n->at_home = state->pages[i].at_home;
            n->found = state->pages[i].found;
        }
    }
    state->pages_ns = fresh ? picture->taken_ns : state->pages_ns;
}

// Follows one kind through a new picture. `advice` is NULL when it was not raised.
static void
policy_follow(struct policy_track *track, const struct policy_advice *advice, uint64_t taken_ns)
{
    if (advice == NULL) {
        track->seen = 0;
    } else if (track->seen == 0 || track->node != advice->node) {
        *track = (struct policy_track){1, advice->node, taken_ns};
    } else if (track->seen < UINT32_MAX) {
        track->seen++;
    }
}

static const struct policy_advice *
policy_of_kind(const struct policy_list *list, enum policy_kind kind)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (list->advice[i].kind == kind) {
            return &list->advice[i];
        }
    }
    return NULL;
}

// Takes a picture that was not seen before into account. One without pages of its own tells nothing
// of what is judged by pages.
static void
policy_learn(struct policy_state *state, const struct policy_input *in,
             const struct policy_list *list, bool has_pages)
{
    uint64_t taken_ns = in->picture->taken_ns;
    struct policy_force *force = &state->force;
    bool gap = policy_age(state->picture_ns, taken_ns) >= POLICY_STALE_NS;

    for (unsigned kind = 0; kind < POLICY_KIND_COUNT; kind++) {
        enum policy_role role = rows[kind].role;
        bool of_pages = role == POLICY_ROLE_MOVE || role == POLICY_ROLE_ASK;
        state->track[kind].seen = gap ? 0 : state->track[kind].seen;
        if (!of_pages || has_pages) {
            policy_follow(&state->track[kind], policy_of_kind(list, (enum policy_kind)kind),
                          taken_ns);
        }
    }
    if (force->on && has_pages && taken_ns > force->since_ns &&
        policy_measure(force->kind, force->node, in, &force->now)) {
        force->looks += force->looks < UINT32_MAX ? 1 : 0;
        force->proven = force->proven || force->now >= force->before + POLICY_GAIN_PERMILLE;
    }
    state->picture_ns = taken_ns;
}

static void
policy_date(const struct policy_state *state, struct policy_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        struct policy_advice *a = &list->advice[i];
        const struct policy_track *track = &state->track[a->kind];
        a->seen = track->seen;
        a->steady_ns = track->seen == 0 ? 0 : policy_age(track->since_ns, state->picture_ns);
        a->steady = a->seen >= POLICY_SAMPLES && a->steady_ns >= POLICY_STEADY_NS;
    }
}

void
policy_look(struct policy_state *state, const struct policy_input *in, uint64_t now_ns,
            struct policy_list *out)
{
    struct picture picture = *in->picture;
    struct policy_input seen = *in;
    bool is_new = picture.taken_ns > state->picture_ns;
    bool is_old = policy_age(picture.taken_ns, now_ns) >= POLICY_STALE_NS;
    bool has_pages = policy_has_pages(&picture);

    seen.picture = &picture;
    policy_merge_pages(state, &picture, now_ns);
    // What is spread was spread by us.
    if (rows[state->force.kind].measure == POLICY_MEASURE_BALANCE) {
        picture.policy_interleave = false;
    }
    for (unsigned i = 0; i < TOPOLOGY_NODES_MAX && is_old; i++) {
        picture.node[i].sampled = picture.node[i].at_home = picture.node[i].found = 0;
    }
    policy_judge(&seen, out);
    if (is_new && !is_old) {
        policy_learn(state, &seen, out, has_pages);
    }
    policy_date(state, out);
}

// --- What is done --------------------------------------------------------------------------------

bool
policy_can_apply(const struct policy_advice *advice)
{
    return policy_is_option(advice) && (advice->change_count != 0 || advice->rehome) &&
           advice->held_by == POLICY_KIND_COUNT;
}

// Nothing may be in force any more: there is a reason to leave the process alone, or the node is
// not one that it may use.
static bool
policy_must_end(const struct policy_force *force, const struct policy_input *in,
                const struct policy_list *list)
{
    unsigned index = policy_index(in->topology, force->node);

    return policy_first(list, POLICY_ROLE_HOLD) != NULL ||
           policy_of_kind(list, POLICY_one_node) != NULL ||
           (force->node != POLICY_NO_NODE &&
            (index >= in->picture->node_count || !in->picture->node[index].allowed));
}

static bool
policy_may_act(const struct policy_state *state, const struct policy_advice *a, uint64_t now_ns)
{
    return rows[a->kind].role == POLICY_ROLE_MOVE && policy_can_apply(a) && a->steady &&
           !a->waits && a->confidence >= POLICY_MEDIUM &&
           now_ns >= state->not_before_ns[a->kind];
}

enum policy_verdict
policy_decide(const struct policy_state *state, const struct policy_input *in,
              const struct policy_list *list, uint64_t now_ns, unsigned *index)
{
    const struct policy_force *force = &state->force;

    if (state->changed_ns != 0 && policy_age(state->changed_ns, now_ns) < POLICY_CHANGE_NS) {
        return POLICY_NOTHING;
    }
    if (force->on && force->by_user) {
        return POLICY_NOTHING;
    }
    if (force->on) {
        bool judged = force->looks >= POLICY_SAMPLES &&
                      policy_age(force->since_ns, now_ns) >= POLICY_STEADY_NS;
        return policy_must_end(force, in, list) ? POLICY_STAND_DOWN
               : judged && !force->proven       ? POLICY_ROLL_BACK
                                                : POLICY_NOTHING;
    }
    for (unsigned i = 0; i < list->count; i++) {
        if (policy_may_act(state, &list->advice[i], now_ns)) {
            *index = i;
            return POLICY_APPLY;
        }
    }
    return POLICY_NOTHING;
}

void
policy_applied(struct policy_state *state, const struct policy_input *in,
               const struct policy_advice *advice, bool by_user, uint64_t now_ns)
{
    struct picture picture = *in->picture;
    struct policy_input seen = *in;

    seen.picture = &picture;
    policy_merge_pages(state, &picture, now_ns);
    state->force = (struct policy_force){
        .on = true,
        .by_user = by_user,
        .kind = advice->kind,
        .node = advice->node,
        .since_ns = now_ns,
    };
    (void)policy_measure(advice->kind, advice->node, &seen, &state->force.before);
    state->force.now = state->force.before;
    state->changed_ns = now_ns;
}

void
policy_reverted(struct policy_state *state, bool failed, uint64_t now_ns)
{
    enum policy_kind kind = state->force.kind;

    if (state->force.on && failed) {
        state->not_before_ns[kind] = saturate_add(now_ns, POLICY_BACKOFF_NS);
    }
    state->track[kind].seen = 0; // it must be seen anew
    state->force = (struct policy_force){.kind = kind};
    state->changed_ns = now_ns;
}
