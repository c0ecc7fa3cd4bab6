// SPDX-License-Identifier: MIT
//
// Unit test of apexd/shortage.c with files in the kernel's place: whose waiting counts for whom.
// Reason: who is taken for short of memory gives back what it would soon use again, so that one
// container at its limit must not cost all others. With the real kernel:
// tests/vm/guest/pressure.sh.

#include "apexd/shortage.h"

#include "../support/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define WAITS "some avg10=10.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00\n"
#define HARDLY "some avg10=9.99 avg60=99.00 avg300=0.00 total=1\nfull avg10=90.00\n"

static char root[TREE_ROOT_BYTES];
static char pressure_path[128];
static char vmstat_path[128];
static char groups_path[128];

static void
put(const char *path, const char *text)
{
    tree_write(root, path, text);
}

// One that asks the files of the test, in which nobody waits.
static struct shortage
quiet(void)
{
    struct shortage shortage;

    shortage_init(&shortage, NULL);
    assert_string_equal(shortage.pressure_path, "/proc/pressure/memory");
    shortage.pressure_path = pressure_path;
    shortage.vmstat_path = vmstat_path;
    shortage.groups_path = groups_path;
    put("/pressure", HARDLY);
    put("/vmstat", "nr_free_pages 1\npgscan_kswapd 5\npgscan_direct 7\npgscan_direct_throttle 0\n");
    put("/groups/cgroup.controllers", "memory\n");
    put("/groups/memory.pressure", HARDLY);
    put("/groups/pod/memory.pressure", HARDLY);
    put("/groups/pod/memory.high", "max\n");
    put("/groups/pod/memory.max", "1600000\n");
    put("/groups/pod/memory.current", "100000\n");
    put("/groups/pod/cgroup.type", "domain\n");
    put("/groups/pod/app/memory.pressure", HARDLY);
    put("/groups/pod/app/cgroup.type", "domain\n");
    return shortage;
}

static void
test_parse(void **state)
{
    (void)state;
    assert_int_equal(shortage_parse_pressure("some avg10=12.34 avg60=1.00"), 1234);
    assert_int_equal(shortage_parse_pressure("some avg10=100.00"), 10000);
    assert_int_equal(shortage_parse_pressure("full avg10=12.34"), 0);
    assert_int_equal(shortage_parse_pressure(""), 0);
}

static void
test_machine(void **state)
{
    struct shortage shortage = quiet();

    (void)state;
    put("/pressure", WAITS);
    assert_false(shortage_of_machine(&shortage, false, 100 * SECOND)); // had it looked since?
    assert_false(shortage_of_machine(&shortage, true, 101 * SECOND));  // somebody at a limit
    put("/vmstat", "x 1\npgscan_kswapd 5\npgscan_direct 8\n");
    assert_true(shortage_of_machine(&shortage, false, 102 * SECOND));
    assert_true(shortage_of_machine(&shortage, true, 111 * SECOND));
    assert_false(shortage_of_machine(&shortage, false, 112 * SECOND));
    put("/vmstat", "x 1\npgscan_kswapd 6\npgscan_direct 8\n");
    put("/pressure", HARDLY);
    assert_false(shortage_of_machine(&shortage, false, 113 * SECOND)); // nobody waits
    assert_true(shortage_of_machine(&shortage, true, 113 * SECOND));
}

// Where the kernel does not say for whom it looks, its pressure is believed.
static void
test_machine_without_vmstat(void **state)
{
    struct shortage shortage = quiet();

    (void)state;
    put("/pressure", WAITS);
    put("/vmstat", "x 1\npgscan_kswapd 5\n");
    assert_true(shortage_of_machine(&shortage, false, SECOND));
    shortage_init(&shortage, pressure_path);
    assert_true(shortage_of_machine(&shortage, false, SECOND));
    put("/pressure", HARDLY);
    assert_false(shortage_of_machine(&shortage, false, SECOND));
}

static void
test_own_group(void **state)
{
    struct shortage shortage = quiet();

    (void)state;
    assert_false(shortage_of_group(&shortage, "/pod/app"));
    put("/groups/pod/app/memory.pressure", WAITS);
    assert_true(shortage_of_group(&shortage, "/pod/app"));
    assert_false(shortage_of_group(&shortage, "/pod"));
    assert_false(shortage_of_group(&shortage, "/pod/none"));
    assert_false(shortage_of_group(&shortage, "/pod/../pod/app"));
    assert_false(shortage_of_group(&shortage, "pod/app"));
}

static void
test_group_around(void **state)
{
    struct shortage shortage = quiet();

    (void)state;
    put("/groups/pod/memory.pressure", WAITS);
    assert_true(shortage_of_group(&shortage, "/pod"));
    assert_false(shortage_of_group(&shortage, "/pod/app")); // another in the pod, at its own limit
    put("/groups/pod/memory.current", "1499999\n");
    assert_false(shortage_of_group(&shortage, "/pod/app"));
    put("/groups/pod/memory.current", "1500000\n"); // a sixteenth below
    assert_true(shortage_of_group(&shortage, "/pod/app"));
    put("/groups/pod/memory.max", "max\n");
    assert_false(shortage_of_group(&shortage, "/pod/app"));
    put("/groups/pod/memory.high", "1600000\n");
    assert_true(shortage_of_group(&shortage, "/pod/app"));
    assert_true(shortage_of_group(&shortage, "/pod/none/none"));
}

// The group of all is the machine; that of a container only looks like it.
static void
test_root(void **state)
{
    struct shortage shortage = quiet();

    (void)state;
    put("/groups/memory.pressure", WAITS);
    assert_false(shortage_of_group(&shortage, "/"));
    assert_false(shortage_of_group(&shortage, "/pod/app"));
    put("/groups/cgroup.type", "domain\n");
    assert_true(shortage_of_group(&shortage, "/"));
    assert_false(shortage_of_group(&shortage, "/pod/app"));
    put("/groups/memory.max", "4096\n");
    put("/groups/memory.current", "4096\n");
    assert_true(shortage_of_group(&shortage, "/pod/app"));
}

static int
begin(void **state)
{
    (void)state;
    tree_begin(root);
    snprintf(pressure_path, sizeof pressure_path, "%s/pressure", root);
    snprintf(vmstat_path, sizeof vmstat_path, "%s/vmstat", root);
    snprintf(groups_path, sizeof groups_path, "%s/groups", root);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    tree_end(root);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test_setup_teardown(test_machine, begin, end),
        cmocka_unit_test_setup_teardown(test_machine_without_vmstat, begin, end),
        cmocka_unit_test_setup_teardown(test_own_group, begin, end),
        cmocka_unit_test_setup_teardown(test_group_around, begin, end),
        cmocka_unit_test_setup_teardown(test_root, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
