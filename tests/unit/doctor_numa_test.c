// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/doctor_numa.c: what it finds wrong about NUMA on machines that are made up,
// and that the machine it runs on can be read. Reason: the machines where this matters are not
// those where it is built.

#include "apexctl/doctor_numa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static struct doctor_numa facts;
static struct findings findings;

// Nodes 0 and 2 with processors and memory, 5 with memory only; everything is allowed.
static void
make(void)
{
    memset(&facts, 0, sizeof facts);
    finding_free(&findings);
    doctor_nodes_parse(&facts.online, "0,2,5\n");
    doctor_nodes_parse(&facts.memory, "0,2,5\n");
    doctor_nodes_parse(&facts.cpus, "0,2\n");
    facts.runs = facts.cpus;
    facts.takes = facts.memory;
}

static unsigned
count(enum finding_level level)
{
    unsigned found = 0;

    for (size_t i = 0; i < findings.count; i++) {
        found += findings.list[i].level == level ? 1 : 0;
    }
    return found;
}

static bool
says(const char *words)
{
    for (size_t i = 0; i < findings.count; i++) {
        if (strstr(findings.list[i].text, words) != NULL) {
            return true;
        }
    }
    return false;
}

static void
test_lists(void **state)
{
    struct doctor_nodes set;

    (void)state;
    doctor_nodes_parse(&set, "0-2,64,1023-4000,7x9");
    assert_int_equal(set.bits[0], 0x87);
    assert_int_equal(set.bits[1], 1);
    assert_int_equal(set.bits[15], UINT64_C(1) << 63);
    doctor_nodes_parse(&set, "");
    assert_int_equal(set.bits[0], 0);
    doctor_nodes_parse(&set, "5-3,99999999999999999999");
    assert_int_equal(set.bits[0], 0);
}

static void
test_nothing_wrong(void **state)
{
    (void)state;
    make();
    doctor_numa_judge(&findings, &facts, true);
    assert_int_equal(count(FINDING_WARN), 0);
    assert_true(says("3 NUMA nodes: 0,2,5"));
    assert_true(says("no processors: node 5"));
    assert_true(says("this session may run on node 0,2 and use memory of node 0,2,5"));
    make();
    doctor_nodes_parse(&facts.online, "0");
    facts.zone_reclaim = true; // does not matter there
    doctor_numa_judge(&findings, &facts, true);
    assert_int_equal(findings.count, 1);
    assert_true(says("one NUMA node"));
    make();
    doctor_nodes_parse(&facts.online, "0");
    doctor_numa_judge(&findings, &facts, false);
    assert_int_equal(findings.count, 0);
}

static void
test_each_smell(void **state)
{
    (void)state;
    make();
    facts.zone_reclaim = true;
    doctor_numa_judge(&findings, &facts, true);
    assert_true(count(FINDING_WARN) == 1 && says("reclaims a full node"));
    make();
    facts.bind_error = EPERM;
    doctor_numa_judge(&findings, &facts, true);
    assert_true(count(FINDING_WARN) == 1 && says("sandbox"));
    make();
    doctor_nodes_parse(&facts.memory, "2,5");
    doctor_numa_judge(&findings, &facts, true);
    assert_true(count(FINDING_WARN) == 1 && says("no memory: node 0"));
    make();
    facts.packages = 1;
    doctor_numa_judge(&findings, &facts, true);
    assert_true(count(FINDING_WARN) == 0 && says("2 nodes with processors on 1 package:"));
    make();
    facts.packages = 2;
    doctor_numa_judge(&findings, &facts, true);
    assert_false(says("package"));
    make();
    facts.balancing = facts.numad = true;
    doctor_numa_judge(&findings, &facts, true);
    assert_true(count(FINDING_WARN) == 0 && says("kernel.numa_balancing") && says("numad"));
    make();
    doctor_nodes_parse(&facts.runs, "2");
    doctor_nodes_parse(&facts.takes, "0,5");
    doctor_numa_judge(&findings, &facts, false);
    assert_true(findings.count == 1 && count(FINDING_WARN) == 1);
    assert_true(says("it may run on node 2 and use memory of node 0,5 only"));
    make(); // its node has none to use: nothing is to be set
    doctor_nodes_parse(&facts.memory, "0,5");
    doctor_nodes_parse(&facts.runs, "2");
    doctor_nodes_parse(&facts.takes, "0,5");
    doctor_numa_judge(&findings, &facts, false);
    assert_int_equal(count(FINDING_WARN), 0);
}

static void
test_this_machine(void **state)
{
    (void)state;
    make();
    doctor_numa_read(&facts, 0);
    doctor_numa_judge(&findings, &facts, true);
    assert_true(findings.count >= 1);
    assert_true(says("NUMA node"));
    finding_free(&findings);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_nothing_wrong),
        cmocka_unit_test(test_each_smell),
        cmocka_unit_test(test_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
