// SPDX-License-Identifier: MIT
//
// Unit test of apexd/policy.c: each kind of advice in a picture that calls for it and in pictures
// that nearly do; what must be steady, what is rolled back, how often anything changes; and random
// pictures, a thousand processes long, in which nothing may be named that is not there. Reason: bad
// advice on NUMA costs more than none, and most of it comes from one picture taken too seriously.

#include "apexd/policy.h"

#include "libapex/abi/stats_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000000)
#define NOW (1000 * SECOND)
#define PICTURE_NS (10 * SECOND)

static struct world {
    struct topology topology;
    struct picture_host host;
    struct picture picture;
    bool own_options;
} w;

// Three nodes: 0 and 2 with four processors each, 5 with memory only. A process with two threads on
// each of the first two and all of its memory at home.
static void
world_make(void)
{
    memset(&w, 0, sizeof w);
    w.topology.node_count = w.host.node_count = w.picture.node_count = 3;
    for (unsigned i = 0; i < 3; i++) {
        w.topology.node[i].os_index = (unsigned[]){0, 2, 5}[i];
        w.topology.node[i].cpus = i < 2 ? 4 : 0;
        strcpy(w.topology.node[i].cpu_list, i == 0 ? "0-3" : i == 1 ? "4-7" : "");
        w.topology.node[i].memory_bytes = w.host.node[i].total_bytes = 4 * GIB;
        w.host.node[i].free_bytes = 2 * GIB;
        struct picture_node *n = &w.picture.node[i];
        n->allowed = true;
        n->cpus_allowed = i < 2 ? 4 : 0;
        n->threads = i < 2 ? 2 : 0;
        n->home_bytes = n->active_bytes = i < 2 ? 400 * MIB : 0;
        n->sampled = n->at_home = n->found = i < 2 ? 256 : 0;
        n->refills_local = i < 2 ? 1000 : 0;
        n->frees_same = i < 2 ? 1000 : 0;
    }
    w.picture.taken_ns = NOW;
    w.picture.stretch_ns = PICTURE_NS;
    w.picture.rss_bytes = GIB;
    w.picture.active_bytes = 800 * MIB;
    w.picture.large_bytes = 400 * MIB;
    w.picture.age_ns = 3600 * SECOND;
    w.picture.policy_known = true;
}

static struct policy_input
world_input(void)
{
    return (struct policy_input){&w.topology, &w.host, &w.picture, w.own_options};
}

static const struct policy_advice *
list_find(const struct policy_list *list, enum policy_kind kind)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (list->advice[i].kind == kind) {
            return &list->advice[i];
        }
    }
    return NULL;
}

// --- Each kind -----------------------------------------------------------------------------------

static void
nothing(void)
{
}

// A world that differs a little from one that is there already.
#define VARIANT(name, base, ...) \
    static void name(void)       \
    {                            \
        base();                  \
        __VA_ARGS__;             \
    }

// All threads on node 2, a third of the pages elsewhere.
static void
spilled(void)
{
    w.picture.node[0].threads = 0;
    w.picture.node[1].threads = 4;
    w.picture.node[0].found = 170;
    w.picture.node[1].found = 342;
    w.picture.node[1].sampled = 512;
    w.picture.node[1].at_home = 342;
    w.picture.node[0].sampled = w.picture.node[0].at_home = 0;
}

static void
pinned(void)
{
    spilled();
    w.picture.node[0].cpus_allowed = 0;
}

static void
hot_spot(void)
{
    w.picture.node[0].found = 500;
    w.picture.node[1].found = 12;
}

static void
pack(void)
{
    w.picture.node[0].threads = 1;
    w.picture.node[1].threads = 3;
    w.picture.node[1].refills_remote = 600;
    w.picture.node[1].frees_cross = 500;
}

static void
rehome(void)
{
    w.picture.node[0].at_home = 100;
    w.picture.node[1].at_home = 200;
}

static void
tier(void)
{
    w.host.node[0].free_bytes = 200 * MIB;
}

VARIANT(spilled_room, spilled, w.host.node[1].free_bytes = 100 * MIB)
VARIANT(spilled_little, spilled, w.picture.active_bytes = 40 * MIB)
VARIANT(spilled_few, spilled, w.picture.node[0].found = 20; w.picture.node[1].found = 40)
VARIANT(spilled_busy, spilled, w.picture.node[0].threads = 1)
VARIANT(spilled_tenth, spilled, w.picture.node[0].found = 30; w.picture.node[1].found = 470)
VARIANT(spilled_forbidden, spilled, w.picture.node[1].allowed = false)
VARIANT(full, pinned, w.host.node[1].free_bytes = 10 * MIB)
VARIANT(mems, nothing, w.picture.node[0].cpus_allowed = 0; w.picture.node[1].allowed = false)
VARIANT(mems_both, nothing, w.picture.node[1].allowed = false)
VARIANT(mems_none, mems, w.host.node[1].total_bytes = 0)
VARIANT(interleaved, nothing, w.picture.policy_interleave = true)
VARIANT(interleave_bound, interleaved, w.picture.node[0].cpus_allowed = 0)
VARIANT(interleave_unknown, interleave_bound, w.picture.policy_known = false)
VARIANT(bind, nothing, w.picture.policy_bind = true)
VARIANT(balancing, nothing, w.host.balancing = true)
VARIANT(balancing_bind, bind, balancing())
VARIANT(zone_reclaim, nothing, w.host.zone_reclaim = true)
VARIANT(numad, nothing, w.host.numad = true)
VARIANT(own, nothing, w.own_options = true)
VARIANT(one_node, nothing, w.picture.node[1].allowed = w.picture.node[2].allowed = false)
VARIANT(machine_of_one, nothing, w.topology.node_count = 1; w.host.zone_reclaim = true)
VARIANT(small, nothing, w.picture.rss_bytes = POLICY_RSS_MIN - 1)
VARIANT(small_spilled, spilled, small())
VARIANT(young, nothing, w.picture.age_ns = POLICY_AGE_MIN_NS - 1)
VARIANT(hot_small, hot_spot, w.picture.large_bytes = 100 * MIB)
VARIANT(hot_tight, hot_spot, w.host.node[1].free_bytes = 100 * MIB)
VARIANT(hot_threads, hot_spot, w.picture.node[0].threads = 8)
VARIANT(hot_alone, hot_spot, w.picture.node[1].threads = 0)
VARIANT(hot_warm, hot_spot, w.picture.node[1].found = 200)
VARIANT(pack_many, pack, w.picture.node[1].threads = 4)
VARIANT(pack_large, pack, w.host.node[1].free_bytes = 400 * MIB)
VARIANT(pack_quiet, pack, w.picture.node[1].refills_remote = w.picture.node[1].frees_cross = 0)
VARIANT(rehome_full, rehome, w.host.node[0].free_bytes = 100 * MIB)
VARIANT(rehome_most, nothing, w.picture.node[0].at_home = 220)
VARIANT(tier_none, tier, w.topology.node_count = 2)
VARIANT(tier_small, tier, w.picture.large_bytes = 100 * MIB)
VARIANT(tier_forbidden, tier, w.picture.node[2].allowed = false)
VARIANT(producer, nothing, w.picture.node[0].frees_cross = 1500)
VARIANT(producer_few, nothing, w.picture.node[0].frees_cross = 50; w.picture.node[0].frees_same = 0;
        w.picture.node[1].frees_same = 0)
VARIANT(producer_alone, producer, w.picture.node[1].threads = 0)
VARIANT(migrating, nothing, w.picture.node[0].refills_remote = 900)
VARIANT(migrating_bound, migrating, w.picture.node[1].cpus_allowed = 0)

static void
unmeasured(void)
{
    for (unsigned i = 0; i < 3; i++) {
        struct picture_node *n = &w.picture.node[i];
        n->found = n->sampled = n->at_home = 0;
    }
}

static const struct {
    void (*make)(void);
    enum policy_kind kind;
    bool raised;
    uint32_t node;
} cases[] = {
    {mems, POLICY_mems_elsewhere, true, 2},
    {mems_both, POLICY_mems_elsewhere, false, 0},
    {mems_none, POLICY_mems_elsewhere, false, 0},
    {nothing, POLICY_mems_elsewhere, false, 0},
    {interleave_bound, POLICY_interleave_bound, true, 2},
    {interleaved, POLICY_interleave_bound, false, 0},
    {interleave_unknown, POLICY_interleave_bound, false, 0},
    {balancing_bind, POLICY_balancing_bind, true, POLICY_NO_NODE},
    {bind, POLICY_balancing_bind, false, 0},
    {balancing, POLICY_balancing_bind, false, 0},
    {zone_reclaim, POLICY_zone_reclaim, true, POLICY_NO_NODE},
    {nothing, POLICY_zone_reclaim, false, 0},
    {machine_of_one, POLICY_zone_reclaim, false, 0},
    {full, POLICY_no_room, true, 2},
    {pinned, POLICY_no_room, false, 0},
    {nothing, POLICY_no_room, false, 0},
    {spilled, POLICY_spilled, true, 2},
    {pinned, POLICY_spilled, true, 2},
    {full, POLICY_spilled, false, 0},
    {spilled_room, POLICY_spilled, false, 0},
    {spilled_little, POLICY_spilled, false, 0},
    {spilled_few, POLICY_spilled, false, 0},
    {spilled_busy, POLICY_spilled, false, 0},
    {spilled_tenth, POLICY_spilled, false, 0},
    {spilled_forbidden, POLICY_spilled, false, 0},
    {small_spilled, POLICY_spilled, false, 0},
    {pack, POLICY_pack, true, 2},
    {pack_many, POLICY_pack, false, 0},
    {pack_large, POLICY_pack, false, 0},
    {pack_quiet, POLICY_pack, false, 0},
    {hot_spot, POLICY_hot_spot, true, POLICY_NO_NODE},
    {hot_small, POLICY_hot_spot, false, 0},
    {hot_tight, POLICY_hot_spot, false, 0},
    {hot_threads, POLICY_hot_spot, false, 0},
    {hot_alone, POLICY_hot_spot, false, 0},
    {hot_warm, POLICY_hot_spot, false, 0},
    {rehome, POLICY_rehome, true, POLICY_NO_NODE},
    {rehome_full, POLICY_rehome, false, 0},
    {rehome_most, POLICY_rehome, false, 0},
    {spilled, POLICY_rehome, false, 0},
    {tier, POLICY_tier, true, POLICY_NO_NODE},
    {tier_none, POLICY_tier, false, 0},
    {tier_small, POLICY_tier, false, 0},
    {tier_forbidden, POLICY_tier, false, 0},
    {nothing, POLICY_tier, false, 0},
    {one_node, POLICY_one_node, true, POLICY_NO_NODE},
    {machine_of_one, POLICY_one_node, true, POLICY_NO_NODE},
    {nothing, POLICY_one_node, false, 0},
    {small, POLICY_small, true, POLICY_NO_NODE},
    {nothing, POLICY_small, false, 0},
    {unmeasured, POLICY_unmeasured, true, POLICY_NO_NODE},
    {nothing, POLICY_unmeasured, false, 0},
    {balancing, POLICY_balancing, true, POLICY_NO_NODE},
    {nothing, POLICY_balancing, false, 0},
    {numad, POLICY_numad, true, POLICY_NO_NODE},
    {nothing, POLICY_numad, false, 0},
    {bind, POLICY_own_policy, true, POLICY_NO_NODE},
    {interleaved, POLICY_own_policy, true, POLICY_NO_NODE},
    {nothing, POLICY_own_policy, false, 0},
    {own, POLICY_own_options, true, POLICY_NO_NODE},
    {nothing, POLICY_own_options, false, 0},
    {producer, POLICY_producer_consumer, true, POLICY_NO_NODE},
    {producer_few, POLICY_producer_consumer, false, 0},
    {producer_alone, POLICY_producer_consumer, false, 0},
    {nothing, POLICY_producer_consumer, false, 0},
    {migrating, POLICY_migrating, true, POLICY_NO_NODE},
    {migrating_bound, POLICY_migrating, false, 0},
    {nothing, POLICY_migrating, false, 0},
    {young, POLICY_young, true, POLICY_NO_NODE},
    {nothing, POLICY_young, false, 0},
    {nothing, POLICY_at_home, true, POLICY_NO_NODE},
    {spilled, POLICY_at_home, false, 0},
    {rehome, POLICY_at_home, false, 0},
};

#define CASES (sizeof cases / sizeof cases[0])

static void
test_each_kind(void **state)
{
    bool raised[POLICY_KIND_COUNT] = {false};
    bool spared[POLICY_KIND_COUNT] = {false};
    struct policy_list list;

    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        world_make();
        cases[i].make();
        struct policy_input in = world_input();
        policy_judge(&in, &list);
        const struct policy_advice *a = list_find(&list, cases[i].kind);
        if ((a != NULL) != cases[i].raised) {
            fail_msg("case %u, kind %s: raised %d", i, policy_row(cases[i].kind)->word, a != NULL);
        }
        if (a != NULL) {
            assert_int_equal(a->node, cases[i].node);
            assert_true(a->why[0] != '\0' && strlen(a->why) < sizeof a->why - 1);
            assert_true(strlen(a->snippet) < sizeof a->snippet - 1);
        }
        raised[cases[i].kind] = raised[cases[i].kind] || cases[i].raised;
        spared[cases[i].kind] = spared[cases[i].kind] || !cases[i].raised;
    }
    for (unsigned kind = 0; kind < POLICY_KIND_COUNT; kind++) {
        assert_true(raised[kind] && spared[kind]); // the table misses nothing
    }
}

static void
test_words(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < POLICY_KIND_COUNT; kind++) {
        const struct policy_row *row = policy_row((enum policy_kind)kind);
        assert_int_equal(policy_find(row->word), kind);
        assert_true(row->what[0] != '\0' && row->expected[0] != '\0' && row->revert[0] != '\0');
        // What acting mode does must be held against something.
        assert_true(row->role != POLICY_ROLE_MOVE || row->measure != POLICY_MEASURE_NONE);
    }
    assert_int_equal(policy_find("no_such"), POLICY_KIND_COUNT);
    assert_string_equal(policy_confidence_word(POLICY_HIGH), "high");
}

// The numbers that a person reads, and what would change.
static void
test_spilled_tells_numbers(void **state)
{
    struct policy_list list;

    (void)state;
    world_make();
    pinned();
    struct policy_input in = world_input();
    policy_judge(&in, &list);
    const struct policy_advice *a = list_find(&list, POLICY_spilled);
    assert_non_null(a);
    assert_string_equal(a->why, "it runs on node 2, but 33.3 % of its pages lie elsewhere, about "
                                "266 MiB, and node 2 has 2048 MiB free");
    assert_string_equal(a->evidence[0].name, "elsewhere_permille");
    assert_int_equal(a->evidence[0].value, 333);
    assert_int_equal(a->change_count, 1);
    assert_string_equal(a->change[0].key, "numa_home");
    assert_int_equal(a->change[0].value, 2);
    assert_true(a->rehome);
    assert_int_equal(a->confidence, POLICY_HIGH);
    assert_true(policy_can_apply(a));
    w.picture.seccomp = true; // it may not be able to
    policy_judge(&in, &list);
    assert_int_equal(list_find(&list, POLICY_spilled)->confidence, POLICY_MEDIUM);
    world_make();
    spilled(); // nothing keeps its threads there
    policy_judge(&in, &list);
    assert_int_equal(list_find(&list, POLICY_spilled)->confidence, POLICY_MEDIUM);
}

static void
test_spread_names_nodes(void **state)
{
    struct policy_list list;

    (void)state;
    world_make();
    hot_spot();
    struct policy_input in = world_input();
    policy_judge(&in, &list);
    const struct policy_advice *a = list_find(&list, POLICY_hot_spot);
    assert_int_equal(a->weight_count, 2); // not the node without processors
    assert_int_equal(a->weight[0].node, 0);
    assert_int_equal(a->weight[1].node, 2);
    assert_int_equal(a->weight[0].weight, a->weight[1].weight);
    assert_string_equal(a->change[0].key, "numa_large");
    world_make();
    tier();
    policy_judge(&in, &list);
    a = list_find(&list, POLICY_tier);
    assert_int_equal(a->weight_count, 3);
    assert_int_equal(a->weight[2].node, 5);
    assert_true(a->weight[2].weight < a->weight[0].weight);
    assert_int_equal(a->confidence, POLICY_LOW);
}

static void
test_held(void **state)
{
    static void (*const holds[])(void) = {balancing, numad, bind, own, producer, migrating};
    struct policy_list list;

    (void)state;
    for (unsigned i = 0; i < sizeof holds / sizeof holds[0]; i++) {
        world_make();
        rehome();
        holds[i]();
        struct policy_input in = world_input();
        policy_judge(&in, &list);
        const struct policy_advice *a = list_find(&list, POLICY_rehome);
        assert_non_null(a); // it is told, and why it is not done
        assert_int_not_equal(a->held_by, POLICY_KIND_COUNT);
        assert_int_equal(policy_row(a->held_by)->role, POLICY_ROLE_HOLD);
        assert_false(policy_can_apply(a));
    }
}

// --- Over time -----------------------------------------------------------------------------------

static struct policy_state s;
static struct policy_list seen;
static unsigned chosen;

// A picture at that second, judged and decided on.
static enum policy_verdict
at(uint64_t second)
{
    struct policy_input in = world_input();

    w.picture.taken_ns = NOW + second * SECOND;
    policy_look(&s, &in, w.picture.taken_ns, &seen);
    return policy_decide(&s, &in, &seen, w.picture.taken_ns, &chosen);
}

static void
apply(uint64_t second, bool by_user)
{
    struct policy_input in = world_input();
    policy_applied(&s, &in, &seen.advice[chosen], by_user, NOW + second * SECOND);
}

static void
start(void (*make)(void))
{
    world_make();
    make();
    memset(&s, 0, sizeof s);
}

static void
test_steady(void **state)
{
    (void)state;
    start(pinned);
    assert_int_equal(at(0), POLICY_NOTHING);
    assert_int_equal(at(10), POLICY_NOTHING);
    assert_int_equal(at(20), POLICY_NOTHING); // three pictures, too short a time
    assert_int_equal(at(20), POLICY_NOTHING); // the same picture counts once
    assert_int_equal(list_find(&seen, POLICY_spilled)->seen, 3);
    assert_int_equal(at(30), POLICY_APPLY);
    assert_int_equal(seen.advice[chosen].kind, POLICY_spilled);
    start(pinned);
    at(0);
    assert_int_equal(at(100), POLICY_NOTHING); // a long time, too few pictures
    assert_int_equal(at(101), POLICY_APPLY);
    start(pinned); // once not: begins anew
    at(0);
    at(10);
    world_make();
    at(20);
    pinned();
    for (unsigned t = 30; t < 60; t += 10) {
        assert_int_equal(at(t), POLICY_NOTHING);
    }
    assert_int_equal(at(60), POLICY_APPLY);
    start(pinned); // another node: begins anew
    at(0);
    at(10);
    at(20);
    w.topology.node[1].os_index = 3;
    assert_int_equal(at(30), POLICY_NOTHING);
    assert_int_equal(list_find(&seen, POLICY_spilled)->seen, 1);
    start(pinned); // and after a long silence
    at(0);
    at(10);
    at(20);
    assert_int_equal(at(300), POLICY_NOTHING);
    assert_int_equal(list_find(&seen, POLICY_spilled)->seen, 1);
}

// A picture without pages is judged by those of the last, which do not count again; when those are
// old nothing is known.
static void
test_pages_are_kept(void **state)
{
    struct policy_input in = world_input();

    (void)state;
    start(pinned);
    at(0);
    unmeasured();
    at(10);
    assert_non_null(list_find(&seen, POLICY_spilled));
    assert_int_equal(list_find(&seen, POLICY_spilled)->seen, 1);
    at(20);
    at(125);
    assert_null(list_find(&seen, POLICY_spilled));
    assert_non_null(list_find(&seen, POLICY_unmeasured));
    start(pinned); // no new picture at all
    at(0);
    policy_look(&s, &in, NOW + 200 * SECOND, &seen);
    assert_null(list_find(&seen, POLICY_spilled));
}

static void
test_waits_for_the_young(void **state)
{
    (void)state;
    start(pinned);
    w.picture.age_ns = 0;
    for (unsigned t = 0; t <= 50; t += 10) {
        w.picture.age_ns = t * SECOND;
        assert_int_equal(at(t), POLICY_NOTHING);
    }
    assert_true(policy_can_apply(list_find(&seen, POLICY_spilled))); // a person need not wait
    w.picture.age_ns = POLICY_AGE_MIN_NS;
    assert_int_equal(at(60), POLICY_APPLY);
}

static void
test_only_a_person(void **state)
{
    static void (*const asks[])(void) = {pack, tier};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        start(asks[i]);
        for (unsigned t = 0; t <= 100; t += 10) {
            assert_int_equal(at(t), POLICY_NOTHING);
        }
    }
}

static void
test_rolled_back(void **state)
{
    (void)state;
    start(pinned);
    for (unsigned t = 0; t < 30; t += 10) {
        at(t);
    }
    assert_int_equal(at(30), POLICY_APPLY);
    apply(30, false);
    assert_true(s.force.on);
    assert_int_equal(s.force.before, 667);
    for (unsigned t = 40; t < 60; t += 10) {
        assert_int_equal(at(t), POLICY_NOTHING);
    }
    assert_int_equal(at(60), POLICY_ROLL_BACK); // nothing has become better
    policy_reverted(&s, true, NOW + 60 * SECOND);
    assert_false(s.force.on);
    for (unsigned t = 70; t < 660; t += 10) {
        assert_int_equal(at(t), POLICY_NOTHING); // and is not tried again for a while
    }
    assert_int_equal(at(660), POLICY_APPLY);
}

static void
test_kept_when_it_helps(void **state)
{
    (void)state;
    start(pinned);
    for (unsigned t = 0; t <= 30; t += 10) {
        at(t);
    }
    apply(30, false);
    w.picture.node[0].found = 100;
    w.picture.node[1].found = 412;
    for (unsigned t = 40; t < 500; t += 10) {
        assert_int_equal(at(t), POLICY_NOTHING);
    }
    assert_true(s.force.proven);
    assert_int_equal(s.force.now, 804);
    // What it is for may go away meanwhile; a reason to leave the process alone ends it.
    w.host.balancing = true;
    assert_int_equal(at(500), POLICY_STAND_DOWN);
    w.host.balancing = false;
    assert_int_equal(at(510), POLICY_NOTHING);
    w.picture.node[1].allowed = false; // the control group has moved
    assert_int_equal(at(520), POLICY_STAND_DOWN);
}

static void
test_a_persons_stays(void **state)
{
    (void)state;
    start(pinned);
    at(0);
    for (unsigned i = 0; i < seen.count; i++) {
        chosen = seen.advice[i].kind == POLICY_spilled ? i : chosen;
    }
    apply(0, true);
    w.host.balancing = true;
    for (unsigned t = 10; t < 200; t += 10) {
        assert_int_equal(at(t), POLICY_NOTHING);
    }
    assert_false(s.force.proven); // which is told
    assert_true(s.force.looks >= POLICY_SAMPLES);
}

// Memory that we have spread is no policy of the program's own.
static void
test_spread_is_ours(void **state)
{
    (void)state;
    start(hot_spot);
    for (unsigned t = 0; t < 30; t += 10) {
        at(t);
    }
    assert_int_equal(at(30), POLICY_APPLY);
    assert_int_equal(seen.advice[chosen].kind, POLICY_hot_spot);
    apply(30, false);
    w.picture.policy_interleave = true;
    w.picture.node[0].found = w.picture.node[1].found = 256;
    for (unsigned t = 40; t < 200; t += 10) {
        assert_int_equal(at(t), POLICY_NOTHING);
    }
    assert_null(list_find(&seen, POLICY_own_policy));
}

// --- Random pictures -----------------------------------------------------------------------------

static uint64_t random_state = 88172645463325252u;

static uint64_t
random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t
random_below(uint64_t n)
{
    return random_next() % n;
}

static uint64_t
random_number(void)
{
    unsigned shift = 34 + (unsigned)random_below(30);
    return random_below(20) == 0 ? UINT64_MAX : random_next() >> shift;
}

static void
random_world(void)
{
    unsigned nodes = 1 + (unsigned)random_below(5);
    unsigned number = 0;

    memset(&w, 0, sizeof w);
    w.topology.node_count = w.host.node_count = nodes;
    w.picture.node_count = nodes - (random_below(8) == 0 ? 1 : 0);
    for (unsigned i = 0; i < nodes; i++) {
        number += 1 + (unsigned)random_below(300);
        w.topology.node[i].os_index = number;
        w.topology.node[i].cpus = random_below(4) == 0 ? 0 : 4;
        w.host.node[i].total_bytes = random_below(6) == 0 ? 0 : 4 * GIB;
    }
}

static void
random_picture(uint64_t now_ns)
{
    w.host.balancing = random_below(40) == 0;
    w.host.numad = random_below(60) == 0;
    w.picture.taken_ns = now_ns;
    w.picture.rss_bytes = random_below(8) == 0 ? random_number() : 2 * GIB;
    w.picture.active_bytes = random_below(8) == 0 ? random_number() : GIB;
    w.picture.large_bytes = random_below(2) == 0 ? 700 * MIB : random_number();
    w.picture.age_ns = random_below(30) == 0 ? 0 : 3600 * SECOND;
    w.picture.policy_known = true;
    for (unsigned i = 0; i < w.topology.node_count; i++) {
        struct picture_node *n = &w.picture.node[i];
        w.host.node[i].free_bytes = random_below(5) == 0 ? random_number() : 4 * GIB;
        n->allowed = random_below(20) != 0;
        n->cpus_allowed = w.topology.node[i].cpus;
        bool idle = random_below(2) == 0;
        n->threads = idle ? 0 : (unsigned)random_below(4);
        n->found = random_below(3) == 0 ? random_number() : random_below(300);
        n->sampled = random_below(3) == 0 ? random_number() : random_below(300);
        n->at_home = random_below(n->sampled / 2 + 1);
        n->active_bytes = random_number();
        n->refills_local = random_number();
        n->refills_remote = random_below(4) == 0 ? random_number() : 0;
        n->frees_same = random_number();
        n->frees_cross = random_below(4) == 0 ? random_number() : 0;
    }
}

// A node of the machine that the process may use.
static void
check_node(uint32_t node)
{
    bool good = false;

    for (unsigned i = 0; i < w.picture.node_count; i++) {
        good = good || (w.topology.node[i].os_index == node && w.picture.node[i].allowed &&
                        w.host.node[i].total_bytes != 0);
    }
    assert_true(good);
}

static void
check_advice(const struct policy_advice *a)
{
    const struct policy_row *row = policy_row(a->kind);

    // Where the process may not go, it is told to be let go to; nothing is changed for it.
    if (a->node != POLICY_NO_NODE && a->kind != POLICY_mems_elsewhere) {
        check_node(a->node);
    }
    for (unsigned i = 0; i < a->weight_count; i++) {
        check_node(a->weight[i].node);
        assert_true(a->weight[i].weight > 0);
    }
    assert_true(a->change_count == 0 || row->role == POLICY_ROLE_MOVE ||
                row->role == POLICY_ROLE_ASK);
    for (unsigned i = 0; i < a->change_count; i++) { // each can be taken back
        assert_int_equal(strncmp(a->change[i].key, "numa_", 5), 0);
        if (strcmp(a->change[i].key, "numa_home") == 0) {
            assert_int_equal(a->change[i].value, a->node);
        }
    }
    assert_true(memchr(a->why, '\0', sizeof a->why) != NULL && a->why[0] != '\0');
}

// Whether the pictures of a process can be told from the last; how many changes there were.
static unsigned
random_process(unsigned pictures)
{
    uint64_t last_ns = 0;
    uint64_t now_ns = NOW;
    unsigned changes = 0;

    memset(&s, 0, sizeof s);
    random_world();
    bool calm = random_below(2) == 0; // noise around one picture, or none
    random_picture(now_ns);
    for (unsigned i = 0; i < pictures; i++) {
        now_ns += (1 + random_below(15)) * SECOND;
        w.picture.taken_ns = now_ns;
        if (!calm || random_below(10) == 0) {
            random_picture(now_ns);
        }
        struct policy_input in = world_input();
        policy_look(&s, &in, now_ns, &seen);
        for (unsigned a = 0; a < seen.count; a++) {
            check_advice(&seen.advice[a]);
            assert_true(a == 0 || seen.advice[a].kind > seen.advice[a - 1].kind);
        }
        enum policy_verdict verdict = policy_decide(&s, &in, &seen, now_ns, &chosen);
        if (verdict == POLICY_NOTHING) {
            continue;
        }
        assert_true(last_ns == 0 || now_ns - last_ns >= POLICY_CHANGE_NS);
        last_ns = now_ns;
        changes++;
        if (verdict == POLICY_APPLY) {
            assert_false(s.force.on);
            assert_true(policy_can_apply(&seen.advice[chosen]) && seen.advice[chosen].steady);
            policy_applied(&s, &in, &seen.advice[chosen], false, now_ns);
        } else {
            assert_true(s.force.on);
            policy_reverted(&s, verdict == POLICY_ROLL_BACK, now_ns);
        }
    }
    return changes;
}

static void
test_random_pictures(void **state)
{
    unsigned changes = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        changes += random_process(200);
    }
    print_message("%u changes in 200000 pictures\n", changes);
    assert_true(changes > 100); // the test reaches what it is about
}

// Pages that are found out of place in every other picture only: nothing is ever done.
static void
test_noise_does_nothing(void **state)
{
    (void)state;
    start(pinned);
    for (unsigned i = 0; i < 1000; i++) {
        world_make();
        if (i % 2 == 0 || i % 7 == 0) {
            pinned();
        }
        assert_int_equal(at(i * 5), POLICY_NOTHING);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_spilled_tells_numbers),
        cmocka_unit_test(test_spread_names_nodes),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_pages_are_kept),
        cmocka_unit_test(test_waits_for_the_young),
        cmocka_unit_test(test_only_a_person),
        cmocka_unit_test(test_rolled_back),
        cmocka_unit_test(test_kept_when_it_helps),
        cmocka_unit_test(test_a_persons_stays),
        cmocka_unit_test(test_spread_is_ours),
        cmocka_unit_test(test_random_pictures),
        cmocka_unit_test(test_noise_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
