// SPDX-License-Identifier: MIT
//
// Unit test of apexd/placement.c: what the kernel's texts say of a process, pictures that go on
// from one another, and sums. Reason: advice is given from these figures, and on most machines
// there is one node only, where all of them look right.

#include "apexd/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROW_BYTES ((uint32_t)sizeof(struct apex_stats_node))
#define NODES_AT 256u
#define THREAD_BYTES ((uint32_t)sizeof(struct apex_stats_thread))
#define THREADS_AT 1024u

static struct topology topology;
static unsigned char page[THREADS_AT + 4 * sizeof(struct apex_stats_thread)]
    __attribute__((aligned(8)));

static struct apex_stats_node *
row(unsigned index)
{
    return (struct apex_stats_node *)(void *)(page + NODES_AT) + index;
}

static struct apex_stats_thread *
thread(unsigned index)
{
    return (struct apex_stats_thread *)(void *)(page + THREADS_AT) + index;
}

// Nodes 0, 2 and 9 of the machine; the process tells of 0, 2 and 5.
static int
setup(void **state)
{
    static const unsigned numbers[] = {0, 2, 9};
    static const char *const cpus[] = {"0-3,8", "4-7", ""};

    (void)state;
    memset(&topology, 0, sizeof topology);
    memset(page, 0, sizeof page);
    topology.node_count = 3;
    for (unsigned i = 0; i < 3; i++) {
        topology.node[i].os_index = numbers[i];
        strcpy(topology.node[i].cpu_list, cpus[i]);
        row(i)->node = i == 2 ? 5 : numbers[i];
        row(i)->flags = APEX_NODE_USED;
        row(i)->mapped = 100;
    }
    return 0;
}

static struct client *
client_by_hand(void)
{
    static struct client client;

    free(client.placement);
    memset(&client, 0, sizeof client);
    client.peer.pid = getpid();
    client.peer.pidfd = -1;
    client.map.base = page;
    client.map.bytes = sizeof page;
    client.map.fd = -1;
    client.map.node = (struct apex_stats_section){APEX_SECTION_NODE, 3, ROW_BYTES, NODES_AT};
    client.map.thread =
        (struct apex_stats_section){APEX_SECTION_THREAD, 4, THREAD_BYTES, THREADS_AT};
    for (unsigned i = 0; i < PAGE_NODE_VALUES; i++) {
        client.map.node_offset[i] = 8 + 8 * i;
    }
    client.rss_ns = 1;
    return &client;
}

static void
test_status(void **state)
{
    struct picture p;

    (void)state;
    memset(&p, 0, sizeof p);
    placement_parse_status("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\nCpus_allowed:\tff\n"
                           "Cpus_allowed_list:\t2-5,8\nMems_allowed:\t00000000,00000004\n"
                           "Mems_allowed_list:\t2,9-1023\n",
                           &topology, &p);
    assert_true(p.seccomp);
    assert_false(p.node[0].allowed);
    assert_true(p.node[1].allowed);
    assert_true(p.node[2].allowed);
    assert_int_equal(p.node[0].cpus_allowed, 3);
    assert_int_equal(p.node[1].cpus_allowed, 2);
    assert_int_equal(p.node[2].cpus_allowed, 0);
    placement_parse_status("Name:\tx\nSeccomp:\t0\nCpus_allowed_list:\t99999999999-7,\n",
                           &topology, &p);
    assert_false(p.seccomp);
    assert_false(p.node[1].allowed);
    assert_int_equal(p.node[1].cpus_allowed, 0);
}

static void
test_policy(void **state)
{
    static const struct {
        const char *line;
        bool known;
        bool bind;
        bool interleave;
    } cases[] = {
        {"55a8bd8f5000 default file=/usr/bin/head mapped=2 N0=2\n", true, false, false},
        {"55a8bd8f5000 bind:0-1 file=/usr/bin/head\n", true, true, false},
        {"55a8bd8f5000 bind=static:1 anon=1\n", true, true, false},
        {"55a8bd8f5000 prefer:1 anon=1\n", true, false, false},
        {"55a8bd8f5000 interleave:0-3\n", true, false, true},
        {"55a8bd8f5000 weighted interleave:0-3\n", true, false, true},
        {"55a8bd8f5000", false, false, false},
        {"", false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct picture p = {.policy_known = false};
        placement_parse_policy(cases[i].line, &p);
        assert_int_equal(p.policy_known, cases[i].known);
        assert_int_equal(p.policy_bind, cases[i].bind);
        assert_int_equal(p.policy_interleave, cases[i].interleave);
    }
}

static void
test_goes_on(void **state)
{
    struct client *client = client_by_hand();
    struct picture p;

    (void)state;
    client->registered_ns = 1000;
    row(1)->refills_remote = 10;
    placement_look(client, &topology, true, 5000, &p);
    assert_int_equal(p.stretch_ns, 0);
    assert_int_equal(p.age_ns, 4000);
    assert_int_equal(p.node[1].refills_remote, 10);
    row(1)->refills_remote = 25;
    placement_look(client, &topology, false, 6000, &p);
    assert_int_equal(p.node[1].refills_remote, 25);
    assert_int_equal(p.stretch_ns, 5000);
    placement_look(client, &topology, true, 7000, &p);
    assert_int_equal(p.node[1].refills_remote, 15);
    assert_int_equal(p.node[1].home_bytes, 100);
    assert_int_equal(p.stretch_ns, 2000);
    // A counter that falls has begun anew.
    row(1)->refills_remote = 4;
    placement_look(client, &topology, true, 8000, &p);
    assert_int_equal(p.node[1].refills_remote, 4);
    placement_look(client, &topology, true, 9000, &p);
    assert_int_equal(p.node[1].refills_remote, 0);
}

static void
test_sums(void **state)
{
    struct placement_node node[TOPOLOGY_NODES_MAX];
    struct client *client = client_by_hand();

    (void)state;
    memset(node, 0, sizeof node);
    thread(0)->state = APEX_SLOT_LIVE;
    thread(1)->state = APEX_SLOT_EXITED;
    thread(2)->state = APEX_SLOT_LIVE;
    thread(2)->node = 9;
    client->snapshot.threads_live = 2;
    row(0)->mapped = UINT64_MAX;
    for (unsigned i = 0; i < 2; i++) {
        placement_add(client, &topology, node);
    }
    assert_int_equal(node[0].value[PAGE_NODE_mapped], UINT64_MAX);
    assert_int_equal(node[1].value[PAGE_NODE_mapped], 200);
    assert_int_equal(node[2].value[PAGE_NODE_mapped], 0);
    assert_int_equal(node[0].threads, 2);
    assert_int_equal(node[2].threads, 2);
    assert_int_equal(node[1].processes, 2);
    assert_int_equal(node[2].processes, 2);
    placement_sum(&node[1], &node[0]);
    assert_int_equal(node[1].value[PAGE_NODE_mapped], UINT64_MAX);
    assert_int_equal(node[1].processes, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_status, setup),
        cmocka_unit_test_setup(test_policy, setup),
        cmocka_unit_test_setup(test_goes_on, setup),
        cmocka_unit_test_setup(test_sums, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
