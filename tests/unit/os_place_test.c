// SPDX-License-Identifier: MIT
//
// Unit test of os/os_place.c against the running kernel, which has one node at least: policies are
// there as the kernel tells them, a query says what is touched and what is not, and calls that a
// sandbox refuses are made once. Reason: sets of nodes are handed over with a size that is one too
// large by rule, and programs that got it wrong had their heap overwritten.

#include "os/os_numa.h"
#include "os/os_place.h"

#include "os/os.h"

#include "../support/sandbox.h"
#include "../support/unit.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>

#define MIB ((size_t)1 << 20)
#define PREFERRED_MANY 5

static char *area;
static unsigned node; // one that this process may use

static int
setup(void **state)
{
    (void)state;
    area = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    node = os_numa_node();
    errno = 4711;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    munmap(area, MIB);
    return errno == 4711 ? 0 : -1;
}

static struct os_nodes
set_of(unsigned one)
{
    struct os_nodes nodes = {{0}};

    os_nodes_add(&nodes, one);
    return nodes;
}

// What the kernel says of the first page; the set goes to `nodes`.
static int
policy(struct os_nodes *nodes)
{
    int mode = -1;

    memset(nodes, 0, sizeof *nodes);
    assert_int_equal(
        syscall(SYS_get_mempolicy, &mode, nodes, OS_NODES_MAX + 1UL, area, MPOL_F_ADDR), 0);
    return mode;
}

static void
test_sets(void **state)
{
    struct os_nodes nodes = {{0}};

    (void)state;
    for (unsigned n = 0; n < OS_NODES_MAX; n += 31) {
        assert_false(os_nodes_has(&nodes, n));
        os_nodes_add(&nodes, n);
        assert_true(os_nodes_has(&nodes, n));
        assert_false(os_nodes_has(&nodes, n + 1));
    }
    os_nodes_add(&nodes, OS_NODES_MAX);
    os_nodes_add(&nodes, UINT32_MAX);
    assert_false(os_nodes_has(&nodes, OS_NODES_MAX));
    assert_false(os_nodes_has(&nodes, UINT32_MAX));
}

static void
test_policies_come_and_go(void **state)
{
    struct os_nodes nodes = set_of(node);
    struct os_nodes told;

    (void)state;
    assert_int_equal(os_place_prefer(area, MIB, &nodes), 0);
    assert_int_equal(policy(&told), MPOL_PREFERRED);
    assert_memory_equal(&told, &nodes, sizeof nodes);
    assert_int_equal(os_place_interleave(area, MIB, &nodes), 0);
    assert_int_equal(policy(&told), MPOL_INTERLEAVE);
    assert_memory_equal(&told, &nodes, sizeof nodes);
    assert_int_equal(os_place_default(area, MIB), 0);
    assert_int_equal(policy(&told), MPOL_DEFAULT);
    assert_int_equal(munmap(area, MIB), 0);
    assert_int_not_equal(os_place_prefer(area, MIB, &nodes), 0);
}

// The set ends with the last byte that may be read. If the kernel read one bit less, or of another
// byte, a set of the last node alone would be an empty one, which means the node of the caller.
static void
test_size_of_the_set(void **state)
{
    size_t page = os_page_bytes();
    char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct os_nodes *last = (struct os_nodes *)(void *)(two + page - sizeof *last);

    (void)state;
    assert_int_equal(mprotect(two + page, page, PROT_NONE), 0);
    *last = set_of(node);
    assert_int_equal(os_place_interleave(area, MIB, last), 0);
    *last = set_of(OS_NODES_MAX - 1);
    assert_int_equal(os_place_interleave(area, MIB, last), EINVAL);
    assert_int_equal(os_place_prefer(area, MIB, last), EINVAL);
    munmap(two, 2 * page);
}

static void
test_nodes_that_are_not_there(void **state)
{
    struct os_nodes none = {{0}};
    struct os_nodes wrong = set_of(OS_NODES_MAX - 2);
    struct os_nodes right = set_of(node);
    struct os_nodes told;

    (void)state;
    assert_int_equal(os_place_interleave(area, MIB, &none), EINVAL);
    assert_int_equal(os_place_interleave(area, MIB, &wrong), EINVAL);
    assert_int_equal(os_place_prefer(area, MIB, &wrong), EINVAL);
    // Nothing of that is remembered.
    assert_int_equal(os_place_prefer(area, MIB, &right), 0);
    assert_int_equal(policy(&told), MPOL_PREFERRED);
    // Of several, the kernel takes those that are there; it has the policy since 5.15.
    os_nodes_add(&right, node + 1);
    assert_int_equal(os_place_prefer(area, MIB, &right), 0);
    int mode = policy(&told);
    assert_true(mode == PREFERRED_MANY || mode == MPOL_PREFERRED);
    assert_true(os_nodes_has(&told, node));
}

static void
test_query(void **state)
{
    size_t page = os_page_bytes();
    void *pages[3] = {area, area + page, area + MIB / 2};
    int status[3] = {-1, -1, -1};

    (void)state;
    area[1] = 1;
    assert_int_equal(munmap(area + MIB / 2, MIB / 2), 0);
    assert_int_equal(os_place_query(pages, 3, status), 0);
    assert_true(status[0] >= 0);
    assert_int_equal(status[1], -ENOENT);
    assert_int_equal(status[2], -EFAULT);
    // It has touched nothing: the second page is still not there.
    assert_int_equal(os_place_query(&pages[1], 1, status), 0);
    assert_int_equal(status[0], -ENOENT);
    assert_int_equal(os_place_query(pages, 0, status), 0);
}

static bool
refused_once(int error)
{
    struct os_nodes nodes = set_of(node);
    void *page = area;
    int status;

    errno = 4711;
    bool good = sandbox_refuse(SYS_mbind, error, -1) &&
                sandbox_refuse(SYS_move_pages, error, -1) &&
                os_place_prefer(area, MIB, &nodes) == error && os_place_query(&page, 1, &status) ==
                error;
    uint64_t calls = os_call_count();
    return good && os_place_prefer(area, MIB, &nodes) == error &&
           os_place_interleave(area, MIB, &nodes) == error &&
           os_place_default(area, MIB) == error && os_place_query(&page, 1, &status) == error &&
           os_call_count() == calls && errno == 4711;
}

static bool
refused_by_a_sandbox(void)
{
    return refused_once(EPERM);
}

static bool
refused_by_the_kernel(void)
{
    return refused_once(ENOSYS);
}

// One that does not know the policy of many nodes takes the lowest.
static bool
refused_many(void)
{
    struct os_nodes nodes = set_of(node);
    struct os_nodes told;

    os_nodes_add(&nodes, node + 1);
    bool good = sandbox_refuse(SYS_mbind, EINVAL, PREFERRED_MANY) &&
                os_place_prefer(area, MIB, &nodes) == 0 && policy(&told) == MPOL_PREFERRED &&
                os_nodes_has(&told, node);
    uint64_t calls = os_call_count();
    return good && os_place_prefer(area, MIB, &nodes) == 0 && os_call_count() == calls + 1;
}

static void
test_refusals_are_remembered(void **state)
{
    (void)state;
    assert_true(sandbox_child(refused_by_a_sandbox));
    assert_true(sandbox_child(refused_by_the_kernel));
    assert_true(sandbox_child(refused_many));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_policies_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size_of_the_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nodes_that_are_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_query, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals_are_remembered, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
