// SPDX-License-Identifier: MIT
//
// Unit test of os/os_numa.c: lists of nodes in every form that the kernel gives them, and the node
// of a thread.
// Reason: other allocators count node0, node1, … until one is missing, and are wrong on machines
// where numbers have gaps, where nodes have no memory or no processors, and in containers.

#define _GNU_SOURCE

#include "os/os_numa.h"

#include "../support/nodes.h"
#include "../support/unit.h"

#include <sched.h>

static void
assert_set(const struct os_nodes *set, const char *expected)
{
    char text[256] = "";

    for (unsigned n = 0; n < OS_NODES_MAX; n++) {
        size_t length = strlen(text);
        if (os_nodes_has(set, n) && length < sizeof text - 8) {
            snprintf(text + length, sizeof text - length, "%s%u", length > 0 ? "," : "", n);
        }
    }
    assert_string_equal(text, expected);
}

static void
test_two(void **state)
{
    struct nodes nodes;
    struct os_numa numa;

    (void)state;
    nodes_begin_two(&nodes);
    errno = 4711;
    assert_true(os_numa_read(nodes.root, &numa));
    assert_set(&numa.online, "0,1");
    assert_set(&numa.memory, "0,1");
    assert_set(&numa.cpus, "0,1");
    assert_set(&numa.allowed, "0,1");
    assert_set(&numa.runs, "0,1");
    assert_int_equal(os_numa_nearest(nodes.root, 1, &numa.online, &numa.memory), 1);
    assert_int_equal(errno, 4711);
    nodes_end(&nodes);
}

// Numbers with gaps, a node without memory, one without processors, and an empty list.
static void
test_sparse(void **state)
{
    struct nodes nodes;
    struct os_numa numa;
    struct os_nodes possible;

    (void)state;
    nodes_begin(&nodes, "0,2,8,1023\n", "0,8,1023\n", "0,2,8\n");
    nodes_list(&nodes, "possible", "0-9,1023-1024,70000\n"); // what is no node's number is left out
    nodes_node(&nodes, 0, "0\n", "10 20 31 17\n");
    nodes_node(&nodes, 2, "1\n", "20 10 11 28\n");
    nodes_node(&nodes, 8, "\n", "31 11 10 28\n");
    nodes_node(&nodes, 1023, "\n", "17 28 28 10\n");
    nodes_allow(&nodes, "0-1", "0,2-8,1023");
    assert_true(os_numa_read(nodes.root, &numa));
    assert_set(&numa.online, "0,2,8,1023");
    assert_set(&numa.memory, "0,8,1023");
    assert_set(&numa.cpus, "0,2,8");
    assert_set(&numa.allowed, "0,2,3,4,5,6,7,8,1023");
    assert_set(&numa.runs, "0,2");
    os_numa_possible(nodes.root, &possible);
    assert_set(&possible, "0,1,2,3,4,5,6,7,8,9,1023");
    assert_int_equal(os_numa_nearest(nodes.root, 2, &numa.online, &numa.memory), 8);
    assert_int_equal(os_numa_nearest(nodes.root, 0, &numa.online, &numa.memory), 0);
    assert_int_equal(os_numa_nearest(nodes.root, 5, &numa.online, &numa.memory), -1); // not there
    assert_int_equal(os_numa_nearest(nodes.root, 0, &numa.online, &(struct os_nodes){{0}}), -1);
    nodes_end(&nodes);
}

static void
test_allowed(void **state)
{
    struct nodes nodes;
    struct os_numa numa;

    (void)state;
    nodes_begin_two(&nodes);
    nodes_allow(&nodes, "3", "0");
    assert_true(os_numa_read(nodes.root, &numa));
    assert_set(&numa.allowed, "0");
    assert_set(&numa.runs, "1");
    nodes_allow(&nodes, "0,2", "1");
    assert_true(os_numa_read(nodes.root, &numa));
    assert_set(&numa.allowed, "1");
    assert_set(&numa.runs, "0,1");
    nodes_write(&nodes, "/proc/thread-self/status", "Name:\tnothing of the kind\nMems");
    assert_true(os_numa_read(nodes.root, &numa));
    assert_set(&numa.allowed, "0,1");
    assert_set(&numa.runs, "0,1");
    nodes_end(&nodes);
}

// Lists that are longer than one read, with a number on the edge between two.
static void
test_long_lists(void **state)
{
    static char list[8192];
    struct nodes nodes;
    struct os_numa numa;

    (void)state;
    nodes_begin_two(&nodes);
    for (unsigned shift = 0; shift < 8; shift++) {
        size_t length = (size_t)snprintf(list, sizeof list, "%.*s", (int)shift, ",,,,,,,,");
        for (unsigned n = 0; n < 1000; n += 2) {
            length += (size_t)snprintf(list + length, sizeof list - length, "%u,", n);
        }
        snprintf(list + length, sizeof list - length, "1001-1002\n");
        nodes_list(&nodes, "online", list);
        assert_true(os_numa_read(nodes.root, &numa));
        for (unsigned n = 0; n < OS_NODES_MAX; n++) {
            bool there = n < 1000 ? n % 2 == 0 : n == 1001 || n == 1002;
            assert_int_equal(os_nodes_has(&numa.online, n), there);
        }
    }
    nodes_end(&nodes);
}

// No word of it may lead anywhere else.
static void
test_nonsense(void **state)
{
    static const char *const lists[] = {
        "", "\n", "-", "-5", "5-", "3-1", "0-99999999999999999999", "x", "0-1-2", "1023-1030",
    };
    struct nodes nodes;
    struct os_numa numa;
    struct os_nodes possible;

    (void)state;
    nodes_begin_two(&nodes);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        nodes_list(&nodes, "online", lists[i]);
        nodes_list(&nodes, "node0/cpulist", lists[i]);
        nodes_list(&nodes, "node0/distance", lists[i]);
        nodes_allow(&nodes, lists[i], lists[i]);
        assert_true(os_numa_read(nodes.root, &numa));
        (void)os_numa_nearest(nodes.root, 0, &numa.memory, &numa.memory);
    }
    assert_set(&numa.online, "1023");
    nodes_end(&nodes);
    assert_false(os_numa_read(nodes.root, &numa)); // a kernel without NUMA
    assert_set(&numa.online, "0");
    assert_set(&numa.allowed, "0");
    os_numa_possible(nodes.root, &possible);
    assert_set(&possible, "0");
}

static void
test_of_this_machine(void **state)
{
    struct os_numa numa;
    struct os_nodes possible;

    (void)state;
    os_numa_read("", &numa);
    os_numa_possible("", &possible);
    for (unsigned n = 0; n < OS_NODES_MAX; n++) {
        assert_true(!os_nodes_has(&numa.online, n) || os_nodes_has(&possible, n));
        assert_true(!os_nodes_has(&numa.runs, n) || os_nodes_has(&numa.cpus, n));
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(os_nodes_has(&numa.runs, os_numa_node()));
    }
}

// On each processor in turn: the node is the one whose list has it.
static void
test_node_of_thread(void **state)
{
    cpu_set_t before;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        cpu_set_t one;
        unsigned at;
        unsigned node;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (CPU_ISSET(cpu, &before) && sched_setaffinity(0, sizeof one, &one) == 0) {
            assert_int_equal(getcpu(&at, &node), 0);
            assert_int_equal(at, cpu);
            assert_int_equal(os_numa_node(), node);
        }
    }
    sched_setaffinity(0, sizeof before, &before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_of_this_machine),
        cmocka_unit_test(test_node_of_thread),
    };

    return cmocka_run_group_tests_name("os_numa", tests, NULL, NULL);
}
