// SPDX-License-Identifier: MIT
//
// Unit test of core/wipe.c (hardened): ranges of all kinds read as zero after wipe, and what is
// around them is as it was; wipe_holds finds every byte; pages that were not there stay away, and
// those that were stay.
// Reason: stale contents that survive, a write after free that is overlooked, or a page fault for
// each page of a buffer that the program hardly used.

#include "core/wipe.h"

#include "core/geometry.h"
#include "os/os.h"

#include "../support/unit.h"

#define RANGE_BYTES (3 * BLOCK_BYTES)
#define PAGES_MAX 4096u

static char *base;

static int
setup(void **state)
{
    (void)state;
    void *reserved;
    assert_int_equal(os_reserve(SUPERBLOCK_BYTES, SUPERBLOCK_BYTES, 0, &reserved), 0);
    assert_int_equal(os_commit(reserved, SUPERBLOCK_BYTES), 0);
    (void)os_huge(reserved, SUPERBLOCK_BYTES, false); // as in a superblock, whatever the host wants
    base = reserved;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    assert_int_equal(os_release(base, SUPERBLOCK_BYTES), 0);
    return 0;
}

static size_t
resident_pages(void)
{
    uint8_t pages[PAGES_MAX];
    size_t count = 0;

    assert_int_equal(os_resident(base, RANGE_BYTES, pages), 0);
    for (size_t i = 0; i < RANGE_BYTES / os_page_bytes(); i++) {
        count += pages[i] & 1;
    }
    return count;
}

static void
assert_wiped(size_t at, size_t bytes)
{
    for (size_t i = 0; i < RANGE_BYTES; i++) {
        assert_int_equal(base[i], i >= at && i < at + bytes ? 0 : 'x');
    }
}

static void
test_wipe(void **state)
{
    static const size_t lengths[] = {8, 17, 63, 64, 65, 1000, 4096, 65536, 65544, 130000};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(base, 'x', RANGE_BYTES);
        wipe(base + 24, lengths[i]);
        assert_wiped(24, lengths[i]);
    }
}

static void
test_wipe_short(void **state)
{
    (void)state;
    for (size_t bytes = 8; bytes <= 300; bytes++) {
        memset(base, 'x', RANGE_BYTES);
        wipe_short(base + 8, bytes);
        for (size_t i = 0; i < 400; i++) {
            assert_int_equal(base[i], i >= 8 && i < 8 + bytes ? 0 : 'x');
        }
    }
}

static void
test_holds(void **state)
{
    static const size_t lengths[] = {8, 16, 24, 32, 48, 64, 72, 1000, 65536, 65544, 150008};

    (void)state;
    memset(base, 0, RANGE_BYTES);
    base[7] = 1; // in front of it
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t bytes = lengths[i];
        char *end = base + 8 + bytes;
        *end = 1; // and behind
        assert_true(wipe_holds(base + 8, bytes));
        *end = 0;
        for (size_t at = 0; at < bytes; at += bytes < 4096 ? 1 : 509) {
            base[8 + at] = 1;
            assert_false(wipe_holds(base + 8, bytes));
            base[8 + at] = 0;
        }
        end[-1] = 1;
        assert_false(wipe_holds(base + 8, bytes));
        end[-1] = 0;
    }
}

static void
test_untouched_pages_stay_away(void **state)
{
    size_t page = os_page_bytes();

    (void)state;
    base[5 * page] = 1;
    base[6 * page] = 1;
    wipe(base, RANGE_BYTES);
    assert_int_equal(resident_pages(), 2);
    assert_true(wipe_holds(base, RANGE_BYTES));
    assert_int_equal(resident_pages(), 2);
}

// Every other page: too many spans to be treated one by one.
static void
test_scattered_pages(void **state)
{
    size_t page = os_page_bytes();

    (void)state;
    for (size_t at = 0; at < RANGE_BYTES; at += 2 * page) {
        base[at] = 1;
    }
    wipe(base, RANGE_BYTES);
    assert_true(wipe_holds(base, RANGE_BYTES));
    for (size_t at = 0; at < RANGE_BYTES; at++) {
        assert_int_equal(base[at], 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wipe_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_untouched_pages_stay_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scattered_pages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
