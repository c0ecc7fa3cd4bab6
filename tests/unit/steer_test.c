// SPDX-License-Identifier: MIT
//
// Unit test of policy/steer.c on machines that are not there (the node of the calling thread is the
// test's, --wrap=os_numa_node): which nodes the options name, how shares become turns, and what is
// not believed. Reason: weights come from outside, and decide where the largest objects lie.

#include "policy/steer.h"

#include "../support/nodes.h"
#include "../support/sandbox.h"
#include "../support/unit.h"

#define MIB ((size_t)1 << 20)

static struct nodes nodes;
static unsigned node_of_thread;

unsigned __wrap_os_numa_node(void);

unsigned
__wrap_os_numa_node(void)
{
    return node_of_thread;
}

// Nodes 0, 2 and 5; the last has no processors.
static int
setup(void **state)
{
    (void)state;
    node_of_thread = 0;
    nodes_begin(&nodes, "0,2,5\n", "0,2,5\n", "0,2\n");
    nodes_node(&nodes, 0, "0-1\n", "10 20 30\n");
    nodes_node(&nodes, 2, "2-3\n", "20 10 30\n");
    nodes_node(&nodes, 5, "\n", "30 30 10\n");
    nodes_allow(&nodes, "0-3", "0-7");
    config_load(true);
    numa_start(nodes.root);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    steer_weigh(NULL, 0);
    nodes_end(&nodes);
    return 0;
}

static struct steer_place
place_of(size_t bytes)
{
    struct steer_place out;

    steer_large(bytes, &out);
    return out;
}

static void
assert_nodes(const struct steer_place *where, unsigned a, unsigned b)
{
    for (unsigned n = 0; n < 10; n++) {
        assert_int_equal(os_nodes_has(where->place.nodes, n), n == a || n == b);
    }
}

static void
test_first_touch_by_default(void **state)
{
    (void)state;
    assert_int_equal(steer_home(), STEER_ANYWHERE);
    assert_int_equal(place_of(100 * MIB).place.mode, LARGE_TOUCH);
    assert_int_equal(place_of(100 * MIB).place.home, 0);
    node_of_thread = 2;
    assert_int_equal(place_of(100 * MIB).place.mode, LARGE_TOUCH);
    assert_int_equal(place_of(100 * MIB).place.home, 1);
}

static void
test_home(void **state)
{
    (void)state;
    assert_true(config_tune("numa_home", 5));
    assert_int_equal(steer_home(), 2);
    struct steer_place where = place_of(2 * MIB); // numa_large_min is not about this
    assert_int_equal(where.place.mode, LARGE_PREFER);
    assert_int_equal(where.place.home, 2);
    assert_nodes(&where, 5, 5);
    assert_true(config_tune("numa_home", 2));
    assert_int_equal(steer_home(), 1);
    // None of these is there.
    assert_true(config_tune("numa_home", 1));
    assert_int_equal(steer_home(), STEER_ANYWHERE);
    assert_int_equal(place_of(100 * MIB).place.mode, LARGE_TOUCH);
    assert_true(config_tune("numa_home", 1023));
    assert_int_equal(steer_home(), STEER_ANYWHERE);
    assert_true(config_tune("numa_home", APEX_OPTION_NODE_NONE));
    assert_int_equal(steer_home(), STEER_ANYWHERE);
}

static void
test_large(void **state)
{
    (void)state;
    assert_true(config_tune("numa_large", CONFIG_LARGE_HOME));
    node_of_thread = 2;
    struct steer_place where = place_of(8 * MIB);
    assert_int_equal(where.place.mode, LARGE_PREFER);
    assert_nodes(&where, 2, 2);
    assert_int_equal(place_of(8 * MIB - 1).place.mode, LARGE_TOUCH);
    // All that have processors.
    assert_true(config_tune("numa_large", CONFIG_LARGE_SPREAD));
    where = place_of(8 * MIB);
    assert_int_equal(where.place.mode, LARGE_INTERLEAVE);
    assert_nodes(&where, 0, 2);
    assert_int_equal(place_of(8 * MIB - 1).place.mode, LARGE_TOUCH);
    // What is too small for that follows numa_home, and so does what has no other wish.
    assert_true(config_tune("numa_home", 0));
    assert_int_equal(place_of(8 * MIB).place.mode, LARGE_INTERLEAVE);
    where = place_of(8 * MIB - 1);
    assert_int_equal(where.place.mode, LARGE_PREFER);
    assert_nodes(&where, 0, 0);
    assert_true(config_tune("numa_large", CONFIG_LARGE_HOME));
    where = place_of(8 * MIB);
    assert_nodes(&where, 0, 0);
}

static void
weigh(const struct apex_advice_weight *weight, unsigned count)
{
    assert_true(steer_weigh(weight, count));
}

static void
test_shares(void **state)
{
    const struct apex_advice_weight equal[] = {{0, 9}, {2, 0}, {5, 9}};
    const struct apex_advice_weight mixed[] = {{0, 5}, {2, 1}, {5, 1}};
    const struct apex_advice_weight one[] = {{5, 7}};
    unsigned turns[3] = {0};
    unsigned in_a_row = 0;

    (void)state;
    weigh(mixed, 3);
    assert_int_equal(place_of(8 * MIB).place.mode, LARGE_TOUCH); // not asked for
    assert_true(config_tune("numa_large", CONFIG_LARGE_SPREAD));
    weigh(equal, 3);
    struct steer_place where = place_of(8 * MIB);
    assert_int_equal(where.place.mode, LARGE_INTERLEAVE);
    assert_nodes(&where, 0, 5);
    weigh(mixed, 3);
    for (unsigned i = 0; i < 70; i++) {
        where = place_of(8 * MIB);
        assert_int_equal(where.place.mode, LARGE_PREFER);
        turns[where.place.home]++;
        in_a_row = where.place.home == 0 ? in_a_row + 1 : 0;
        assert_true(in_a_row <= 4); // the others come in between
    }
    assert_int_equal(turns[0], 50);
    assert_int_equal(turns[1], 10);
    assert_int_equal(turns[2], 10);
    // Whose turn it is stays while the shares do, whatever else is said anew.
    turns[0] = turns[1] = turns[2] = 0;
    for (unsigned i = 0; i < 7; i++) {
        weigh(mixed, 3);
        turns[place_of(8 * MIB).place.home]++;
    }
    assert_int_equal(turns[0], 5);
    assert_int_equal(turns[1], 1);
    assert_int_equal(turns[2], 1);
    weigh(one, 1);
    where = place_of(8 * MIB);
    assert_int_equal(where.place.mode, LARGE_PREFER);
    assert_nodes(&where, 5, 5);
    weigh(NULL, 0);
    where = place_of(8 * MIB);
    assert_nodes(&where, 0, 2);
}

static void
assert_refused(struct apex_advice_weight a, struct apex_advice_weight b)
{
    const struct apex_advice_weight good[] = {{5, 1}};
    const struct apex_advice_weight both[] = {a, b};
    struct steer_place where;

    weigh(good, 1);
    assert_false(steer_weigh(both, 2));
    where = place_of(8 * MIB);
    assert_nodes(&where, 0, 2); // as if nobody had said anything
}

static void
test_absurd_shares(void **state)
{
    static const struct apex_advice_weight many[APEX_ADVICE_WEIGHTS_MAX + 1] = {{0, 1}};
    struct steer_place where;

    (void)state;
    assert_true(config_tune("numa_large", CONFIG_LARGE_SPREAD));
    assert_refused((struct apex_advice_weight){0, 0}, (struct apex_advice_weight){2, 0});
    assert_refused((struct apex_advice_weight){0, 1}, (struct apex_advice_weight){1, 1});
    assert_refused((struct apex_advice_weight){0, 1}, (struct apex_advice_weight){65535, 1});
    assert_refused((struct apex_advice_weight){2, 1}, (struct apex_advice_weight){2, 3});
    assert_false(steer_weigh(many, APEX_ADVICE_WEIGHTS_MAX + 1));
    // Not allowed any more, which the machine is asked about each time.
    nodes_allow(&nodes, "0-3", "0,5");
    assert_false(steer_weigh((const struct apex_advice_weight[]){{5, 1}, {2, 1}}, 2));
    where = place_of(8 * MIB);
    assert_nodes(&where, 0, 0);
    assert_false(steer_node_is_allowed(2));
    assert_true(steer_node_is_allowed(5));
    assert_false(steer_node_is_allowed(1));
    assert_false(steer_node_is_allowed(UINT64_MAX));
}

// Under a filter nobody but the process itself binds, and it only under those it began with.
static bool
under_a_filter(void)
{
    const struct apex_advice_row row = {.key = "numa_home", .value = 2};

    config_tune("numa_home", 2);
    bool good = place_of(8 * MIB).place.mode == LARGE_PREFER &&
                sandbox_refuse(SYS_sethostname, EPERM, -1) &&
                place_of(8 * MIB).place.mode == LARGE_TOUCH && !steer_binds_home();
    steer_start(); // as if that had been so from the start
    good = good && place_of(8 * MIB).place.mode == LARGE_PREFER && steer_binds_home();
    config_tune("numa_home", APEX_OPTION_NODE_NONE);
    config_advise(&row, 1);
    return good && place_of(8 * MIB).place.mode == LARGE_TOUCH && !steer_binds_home();
}

static void
test_filters(void **state)
{
    (void)state;
    assert_true(sandbox_child(under_a_filter));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_touch_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(test_home, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shares, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absurd_shares, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
