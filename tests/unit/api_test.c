// SPDX-License-Identifier: MIT
//
// Unit test of front/api.c: the calls of apex.h that have no counterpart in libc.
// Reason: programs compiled with an older or newer header must get along with this library.

#include "apex.h"

#include "../support/unit.h"

static void
test_version(void **state)
{
    unsigned major;
    unsigned minor;
    unsigned patch;
    char more;

    (void)state;
    assert_int_equal(sscanf(apex_version(), "%u.%u.%u%c", &major, &minor, &patch, &more), 3);
}

static void
test_stats(void **state)
{
    struct apex_stats stats = {.size_bytes = sizeof stats};
    void *p = apex_malloc(3 << 20);

    (void)state;
    errno = 4711;
    assert_int_equal(apex_stats_get(&stats), 0);
    assert_int_equal(errno, 4711);
    assert_int_equal(stats.size_bytes, sizeof stats);
    assert_int_equal(stats.large_count, 1);
    assert_int_equal(stats.large_bytes, 3 << 20);
    assert_true(stats.allocated_bytes >= stats.large_bytes);
    assert_true(stats.active_bytes >= stats.allocated_bytes);
    assert_true(stats.mapped_bytes >= stats.active_bytes);
    assert_true(stats.resident_bytes >= stats.active_bytes);
    assert_true(stats.metadata_bytes > 0);
    assert_int_equal(stats.threads_count, 1);
    apex_free(p);
}

// A caller with a shorter struct gets what it has room for, and not a byte more; one with a longer
// gets zeroes.
static void
test_stats_of_other_sizes(void **state)
{
    struct {
        struct apex_stats stats;
        uint64_t later[4];
    } wide;
    struct apex_stats narrow;

    (void)state;
    memset(&narrow, 0x77, sizeof narrow);
    narrow.size_bytes = offsetof(struct apex_stats, active_bytes);
    assert_int_equal(apex_stats_get(&narrow), 0);
    assert_true(narrow.allocated_bytes != UINT64_C(0x7777777777777777));
    assert_true(narrow.active_bytes == UINT64_C(0x7777777777777777));
    narrow.size_bytes = sizeof narrow.size_bytes;
    assert_int_equal(apex_stats_get(&narrow), EINVAL);
    memset(&wide, 0x77, sizeof wide);
    wide.stats.size_bytes = sizeof wide;
    assert_int_equal(apex_stats_get(&wide.stats), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(wide.later[i] == 0);
    }
}

static void
test_trim(void **state)
{
    struct apex_stats stats = {.size_bytes = sizeof stats};
    void *p = apex_malloc(800 << 10);

    (void)state;
    memset(p, 1, 800 << 10);
    apex_free(p);
    assert_int_equal(apex_malloc_trim(0), 1);
    assert_int_equal(apex_stats_get(&stats), 0);
    assert_int_equal(stats.dirty_bytes, 0);
    assert_true(stats.purged_bytes >= 800 << 10);
    assert_int_equal(apex_malloc_trim(0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_stats_of_other_sizes),
        cmocka_unit_test(test_trim),
    };

    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
