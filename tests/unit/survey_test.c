// SPDX-License-Identifier: MIT
//
// Unit test of policy/survey.c. The machine is said to have two nodes, and the kernel's answers
// come from the test (--wrap=os_place_query), but for one that compares with the real ones: what is
// drawn is of the heap, each page once, and spread over it; what the books say is what the kernel
// said; free memory goes back if it is away, and only then. Reason: advice is given from these
// figures.

#include "policy/survey.h"

#include "front/alloc.h"
#include "os/os.h"
#include "os/os_place.h"
#include "policy/config.h"
#include "policy/numa.h"
#include "policy/pool.h"

#include "../support/nodes.h"
#include "../support/sandbox.h"
#include "../support/unit.h"

#define MIB ((size_t)1 << 20)

static struct nodes nodes;
static unsigned node_of_thread;
static int (*answer)(const char *page); // where it is; NULL: ask the kernel
static unsigned asked;                  // questions
static unsigned count;                  // pages of the last one
static void *drawn[OS_PLACE_PAGES_MAX];

unsigned __wrap_os_numa_node(void);
int __wrap_os_place_query(void *const *page, unsigned pages, int *status);
int __real_os_place_query(void *const *page, unsigned pages, int *status);

unsigned
__wrap_os_numa_node(void)
{
    return node_of_thread;
}

int
__wrap_os_place_query(void *const *page, unsigned pages, int *status)
{
    asked++;
    count = pages;
    memcpy(drawn, page, pages * sizeof *page);
    for (unsigned i = 0; answer != NULL && i < pages; i++) {
        status[i] = answer(page[i]);
    }
    return answer != NULL ? 0 : __real_os_place_query(page, pages, status);
}

static int
at_first(const char *page)
{
    (void)page;
    return 0;
}

static int
at_second(const char *page)
{
    (void)page;
    return 1;
}

static int
by_parity(const char *page)
{
    size_t number = (uintptr_t)page / os_page_bytes();
    return number % 4 == 0 ? -ENOENT : (int)(number % 2);
}

static struct apex_stats_node
books(unsigned home)
{
    struct apex_stats_node stats = {0};

    pool_home_stats(home, &stats);
    return stats;
}

static int
setup(void **state)
{
    (void)state;
    answer = at_first;
    node_of_thread = 0;
    nodes_begin_two(&nodes);
    config_load(true);
    assert_non_null(alloc_rest(100)); // a heap, and the machine is known
    numa_start(nodes.root);
    asked = 0;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    pool_trim(0);
    pool_audit();
    nodes_end(&nodes);
    return 0;
}

// Objects of 256 KiB, whose pages have all been touched, on their home.
static void
fill(void **p, unsigned objects, size_t bytes)
{
    for (unsigned i = 0; i < objects; i++) {
        p[i] = alloc_rest(bytes);
        assert_non_null(p[i]);
        memset(p[i], 1, bytes);
    }
}

static void
drop(void **p, unsigned objects)
{
    for (unsigned i = 0; i < objects; i++) {
        free_rest(p[i]);
    }
}

static int
by_address(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void
test_what_is_drawn(void **state)
{
    void *p[40];
    void *large;
    unsigned in_large = 0;
    unsigned distinct = 0;

    (void)state;
    fill(p, 40, 256 << 10); // 10 MiB
    fill(&large, 1, 30 * MIB);
    assert_true(survey_sample(SURVEY_PROGRAM));
    assert_int_equal(asked, 1);
    assert_true(count >= OS_PLACE_PAGES_MAX / 2 && count <= OS_PLACE_PAGES_MAX);
    qsort(drawn, count, sizeof drawn[0], by_address);
    for (unsigned i = 0; i < count; i++) {
        const char *page = drawn[i];
        distinct += i == 0 || drawn[i - 1] != page;
        in_large += page >= (char *)large && page < (char *)large + 30 * MIB;
        assert_int_equal((uintptr_t)page % os_page_bytes(), 0);
    }
    assert_int_equal(distinct, count);
    // Three quarters, but for what else the heap holds; four standard deviations are 8 in 100.
    assert_true(in_large * 100 > count * 50 && in_large * 100 < count * 90);
    free_rest(large);
    drop(p, 40);
}

static void
test_what_is_counted(void **state)
{
    void *p[16];
    void *large[2];

    (void)state;
    fill(p, 16, 256 << 10);
    node_of_thread = 1;
    fill(large, 2, 20 * MIB);
    node_of_thread = 0;
    struct apex_stats_node first = books(0);
    struct apex_stats_node second = books(1);
    answer = by_parity;
    assert_true(survey_sample(SURVEY_PROGRAM));
    uint64_t sampled[2] = {books(0).sampled - first.sampled, books(1).sampled - second.sampled};
    uint64_t at_home[2] = {books(0).at_home - first.at_home, books(1).at_home - second.at_home};
    uint64_t found[2] = {books(0).found - first.found, books(1).found - second.found};
    uint64_t expected[2] = {0, 0};
    for (unsigned i = 0; i < count; i++) {
        int node = by_parity(drawn[i]);
        expected[0] += node == 0;
        expected[1] += node == 1;
    }
    assert_int_equal(found[0], expected[0]);
    assert_int_equal(found[1], expected[1]);
    assert_int_equal(sampled[0] + sampled[1], expected[0] + expected[1]);
    assert_true(sampled[1] > sampled[0]); // 40 MiB against 4 and the rest
    assert_true(at_home[0] > 0 && at_home[0] < sampled[0]);
    assert_true(at_home[1] > 0 && at_home[1] < sampled[1]);
    drop(large, 2);
    drop(p, 16);
}

// What the kernel says of all pages of an object is what the sample says of some of them, and the
// sample has touched none of those that were not there.
static void
test_against_the_kernel(void **state)
{
    static char *large;
    size_t page = os_page_bytes();
    unsigned there = 0;

    (void)state;
    large = alloc_rest(32 * MIB);
    assert_non_null(large);
    for (size_t at = 0; at < 32 * MIB; at += 2 * page) {
        large[at] = 1;
    }
    answer = NULL;
    struct apex_stats_node before = books(0);
    assert_true(survey_sample(SURVEY_PROGRAM));
    for (unsigned i = 0; i < count; i++) {
        int status;
        assert_int_equal(__real_os_place_query(&drawn[i], 1, &status), 0);
        there += status >= 0;
    }
    assert_int_equal(books(0).found - before.found, there);
    assert_true(there < count);
    free_rest(large);
}

static void
test_one_node_is_not_asked(void **state)
{
    (void)state;
    nodes_end(&nodes);
    nodes_begin(&nodes, "0\n", "0\n", "0\n");
    numa_start(nodes.root);
    assert_true(survey_sample(SURVEY_PROGRAM));
    assert_true(survey_rehome(SURVEY_PROGRAM));
    assert_int_equal(asked, 0);
}

static void
test_free_memory_comes_home(void **state)
{
    struct apex_stats_process all;
    void *p[32];

    (void)state;
    fill(p, 32, 512 << 10);
    drop(p, 32);
    uint64_t dirty = books(0).dirty;
    assert_true(dirty > 4 * MIB);
    assert_true(survey_rehome(SURVEY_PROGRAM));
    assert_true(asked > 0);
    assert_int_equal(books(0).dirty, dirty);
    pool_audit();
    answer = at_second;
    assert_true(survey_rehome(SURVEY_PROGRAM));
    assert_int_equal(books(0).dirty, 0);
    pool_audit();
    pool_stats(&all);
    assert_int_equal(all.dirty, 0);
}

static void
test_free_large_objects_come_home(void **state)
{
    void *large[2];

    (void)state;
    node_of_thread = 1;
    fill(large, 1, 5 * MIB);
    node_of_thread = 0;
    fill(large + 1, 1, 9 * MIB);
    drop(large, 2);
    assert_int_equal(large_cached_bytes(), 14 * MIB);
    answer = at_second;
    assert_true(survey_rehome(SURVEY_PROGRAM));
    assert_int_equal(large_cached_bytes(), 5 * MIB);
    answer = at_first;
    assert_true(survey_rehome(SURVEY_PROGRAM));
    assert_int_equal(large_cached_bytes(), 0);
}

static bool
under_a_filter(void)
{
    return sandbox_refuse(SYS_sethostname, EPERM, -1) && !survey_sample(SURVEY_ADVICE) &&
           !survey_rehome(SURVEY_ADVICE) && asked == 0 && survey_sample(SURVEY_PROGRAM) &&
           asked == 1;
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
        cmocka_unit_test_setup_teardown(test_what_is_drawn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_against_the_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_node_is_not_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_memory_comes_home, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_large_objects_come_home, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
