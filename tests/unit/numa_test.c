// SPDX-License-Identifier: MIT
//
// Unit test of policy/numa.c: whose memory the threads of each node take, on machines of many
// shapes. The node of the calling thread is the test's (--wrap=os_numa_node).
// Reason: what is decided here decides where all memory of the process lies.

#include "policy/numa.h"

#include "os/os.h"
#include "os/os_numa.h"
#include "policy/config.h"

#include "../support/nodes.h"
#include "../support/unit.h"

static unsigned node_of_thread;
static struct nodes nodes;

unsigned __wrap_os_numa_node(void);

unsigned
__wrap_os_numa_node(void)
{
    return node_of_thread;
}

static unsigned
flags_of(unsigned home, unsigned node)
{
    uint32_t flags;

    assert_int_equal(numa_node(home, &flags), node);
    return flags;
}

static int
setup(void **state)
{
    (void)state;
    node_of_thread = 0;
    nodes_begin_two(&nodes);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    nodes_end(&nodes);
    return 0;
}

#define ALL (APEX_NODE_USED | APEX_NODE_MEMORY | APEX_NODE_CPUS | APEX_NODE_ALLOWED)

static void
test_two(void **state)
{
    (void)state;
    numa_start(nodes.root);
    assert_int_equal(numa_many, 1);
    assert_int_equal(numa_here(), 0);
    node_of_thread = 1;
    assert_int_equal(numa_here(), 1);
    node_of_thread = 5; // as it may be for a moment while a node comes
    assert_int_equal(numa_here(), 0);
    node_of_thread = 70000;
    assert_int_equal(numa_here(), 0);
    assert_int_equal(flags_of(0, 0), ALL);
    assert_int_equal(flags_of(1, 1), ALL);
    assert_int_equal(flags_of(2, APEX_NODE_NONE), 0);
}

static void
assert_off(unsigned home)
{
    numa_start(nodes.root);
    assert_int_equal(numa_many, 0);
    for (node_of_thread = 0; node_of_thread < 2; node_of_thread++) {
        assert_int_equal(numa_here(), home);
    }
    node_of_thread = home;
}

// One home: nothing of it is switched on.
static void
test_one(void **state)
{
    struct config *config = (struct config *)(uintptr_t)config_get();

    (void)state;
    nodes_allow(&nodes, "0-3", "0");
    assert_off(0);
    assert_int_equal(flags_of(1, 1), ALL & ~APEX_NODE_ALLOWED);
    nodes_allow(&nodes, "0-3", "1"); // began on node 0, which has no memory for it
    assert_off(1);
    node_of_thread = 0;
    nodes_allow(&nodes, "1", "0-1"); // taskset
    assert_off(0);
    nodes_allow(&nodes, "0-3", "0-1");
    nodes_list(&nodes, "has_memory", "0\n");
    assert_off(0);
    nodes_list(&nodes, "has_memory", "0-1\n");
    nodes_list(&nodes, "has_cpu", "0\n"); // node 1 is an expander
    assert_off(0);
    nodes_list(&nodes, "has_cpu", "0-1\n");
    config->numa = CONFIG_NUMA_OFF;
    assert_off(0);
    assert_true(numa_due_ns == UINT64_MAX);
    config->numa = CONFIG_NUMA_AUTO;
    nodes_list(&nodes, "possible", "0\n");
    nodes_list(&nodes, "online", "0\n");
    assert_off(0);
    assert_true(numa_due_ns == UINT64_MAX); // and nobody looks again
    numa_tick(UINT64_MAX - 1);
    nodes_end(&nodes);
    assert_off(0); // a kernel without NUMA
    assert_int_equal(flags_of(0, 0), ALL);
    nodes_begin_two(&nodes);
}

// Gaps; 2 and 9 have no memory, 8 no processors: threads on 2 and 9 take memory of one that has
// both, though 8 is nearer to 2.
static void
test_sparse(void **state)
{
    (void)state;
    nodes_list(&nodes, "possible", "0-3,8-9,1000\n");
    nodes_list(&nodes, "online", "0,2,8-9,1000\n");
    nodes_list(&nodes, "has_memory", "0,8,1000\n");
    nodes_list(&nodes, "has_cpu", "0,2,9,1000\n");
    nodes_node(&nodes, 0, "0\n", "10 20 31 31 17\n");
    nodes_node(&nodes, 2, "1\n", "20 10 11 31 28\n");
    nodes_node(&nodes, 8, "\n", "31 11 10 31 28\n");
    nodes_node(&nodes, 9, "2\n", "31 31 31 10 21\n");
    nodes_node(&nodes, 1000, "3\n", "17 28 28 21 10\n");
    nodes_allow(&nodes, "0-3", "0-1000");
    numa_start(nodes.root);
    assert_int_equal(numa_many, 1);
    assert_int_equal(numa_home_of(0), 0);
    assert_int_equal(numa_home_of(2), 0);
    assert_int_equal(numa_home_of(8), 4); // 0, 1, 2, 3, 8 in the order of numbers
    assert_int_equal(numa_home_of(9), 6);
    assert_int_equal(numa_home_of(1000), 6);
    assert_int_equal(flags_of(2, 2), ALL & ~APEX_NODE_MEMORY);
    assert_int_equal(flags_of(4, 8), ALL & ~APEX_NODE_CPUS);
    assert_int_equal(flags_of(6, 1000), ALL);
    assert_int_equal(flags_of(1, APEX_NODE_NONE), 0); // possible, but not there
    nodes_allow(&nodes, "0-3", "8"); // nothing else is allowed: better slow than nowhere
    numa_start(nodes.root);
    assert_int_equal(numa_many, 0);
    assert_int_equal(numa_here(), 4);
}

static void
test_more_nodes_than_homes(void **state)
{
    (void)state;
    nodes_list(&nodes, "possible", "0-99\n");
    nodes_list(&nodes, "online", "0-99\n");
    nodes_list(&nodes, "has_memory", "0-99\n");
    nodes_allow(&nodes, "0-3", "0-99");
    numa_start(nodes.root);
    for (unsigned n = 0; n < 100; n++) {
        assert_int_equal(numa_home_of(n), n < NUMA_HOMES ? n : NUMA_HOMES - 1);
    }
    assert_int_equal(flags_of(NUMA_HOMES - 1, NUMA_HOMES - 1) & APEX_NODE_USED, APEX_NODE_USED);
}

// What changes while the process runs: a node comes and goes, and so does permission.
static void
test_refresh(void **state)
{
    (void)state;
    nodes_list(&nodes, "online", "0\n");
    nodes_list(&nodes, "has_memory", "0\n");
    nodes_list(&nodes, "has_cpu", "0\n");
    node_of_thread = 0;
    numa_start(nodes.root);
    assert_int_equal(numa_many, 0);
    uint64_t due = numa_due_ns;
    assert_true(due > os_now_ns() && due < UINT64_MAX);
    nodes_list(&nodes, "online", "0-1\n");
    nodes_list(&nodes, "has_memory", "0-1\n");
    nodes_list(&nodes, "has_cpu", "0-1\n");
    uint32_t changes = numa_changes;
    numa_tick(due - 1);
    assert_int_equal(numa_many, 0); // not yet
    numa_tick(due);
    assert_true(numa_due_ns > due);
    assert_int_equal(numa_many, 1);
    assert_int_not_equal(numa_changes, changes);
    assert_int_equal(numa_home_of(1), 1);
    nodes_allow(&nodes, "0-3", "0"); // the cpuset has changed
    numa_tick(numa_due_ns);
    assert_int_equal(numa_home_of(1), 0);
    assert_int_equal(flags_of(1, 1), ALL & ~APEX_NODE_ALLOWED);
    nodes_allow(&nodes, "0-3", "0-1");
    nodes_list(&nodes, "online", "0\n");
    numa_tick(numa_due_ns);
    assert_int_equal(flags_of(1, 1), APEX_NODE_USED); // memory may still be called after it
    changes = numa_changes;
    numa_tick(numa_due_ns);
    assert_int_equal(numa_changes, changes);
}

// The first thread may run on node 0 only; then one is seen that runs on node 1.
static void
test_a_thread_elsewhere(void **state)
{
    (void)state;
    nodes_allow(&nodes, "0", "0-1");
    numa_start(nodes.root);
    assert_int_equal(numa_many, 0);
    nodes_allow(&nodes, "3", "0-1");
    numa_tick(numa_due_ns);
    assert_int_equal(numa_many, 1);
}

// A node that nobody expected comes last.
static void
test_surprise(void **state)
{
    (void)state;
    numa_start(nodes.root);
    nodes_list(&nodes, "online", "0-1,7\n");
    nodes_list(&nodes, "has_memory", "0-1,7\n");
    nodes_list(&nodes, "has_cpu", "0-1,7\n");
    numa_tick(numa_due_ns);
    assert_int_equal(numa_home_of(7), 0);
    assert_int_equal(flags_of(2, 7), ALL & ~APEX_NODE_ALLOWED);
    nodes_allow(&nodes, "0-3", "0-7");
    numa_tick(numa_due_ns);
    assert_int_equal(numa_home_of(7), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sparse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_nodes_than_homes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refresh, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_thread_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_surprise, setup, teardown),
    };

    return cmocka_run_group_tests_name("numa", tests, NULL, NULL);
}
