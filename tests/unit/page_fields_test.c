// SPDX-License-Identifier: MIT
//
// Unit test of apexd/page_fields.c: equal tables are one, unequal ones are not, and one that nobody
// uses any more is gone. Reason: a table that was let go of too early is read by whoever asks next.

#include "apexd/page_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static struct page_field table[PAGE_FIELDS_MAX];

static int
setup(void **state)
{
    (void)state;
    memset(table, 0, sizeof table);
    for (unsigned i = 0; i < PAGE_FIELDS_MAX; i++) {
        table[i].section = APEX_SECTION_PROCESS;
        table[i].offset_bytes = 8 * i;
        snprintf(table[i].name, sizeof table[i].name, "field_%u", i);
        strcpy(table[i].unit, "count");
    }
    return 0;
}

static void
test_equal_ones(void **state)
{
    (void)state;
    const struct page_field *first = page_fields_share(table, PAGE_FIELDS_MAX);
    assert_non_null(first);
    assert_ptr_not_equal(first, table);
    assert_memory_equal(first, table, sizeof table);
    assert_ptr_equal(page_fields_share(table, PAGE_FIELDS_MAX), first);
    // It stays for the other one.
    page_fields_release(first);
    assert_memory_equal(first, table, sizeof table);
    assert_ptr_equal(page_fields_share(table, PAGE_FIELDS_MAX), first);
    page_fields_release(first);
    page_fields_release(first);
}

static void
test_unequal_ones(void **state)
{
    const struct page_field *other[4];

    (void)state;
    other[0] = page_fields_share(table, PAGE_FIELDS_MAX);
    other[1] = page_fields_share(table, PAGE_FIELDS_MAX - 1);
    table[3].is_gauge = true;
    other[2] = page_fields_share(table, PAGE_FIELDS_MAX);
    other[3] = page_fields_share(table, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_non_null(other[i]);
        for (unsigned j = 0; j < i; j++) {
            assert_ptr_not_equal(other[i], other[j]);
        }
    }
    assert_false(other[0][3].is_gauge);
    assert_true(other[2][3].is_gauge);
    // From the middle, the end and the beginning of the list.
    page_fields_release(other[1]);
    assert_false(other[0][3].is_gauge);
    page_fields_release(other[0]);
    page_fields_release(other[3]);
    assert_ptr_equal(page_fields_share(table, PAGE_FIELDS_MAX), other[2]);
    page_fields_release(other[2]);
    page_fields_release(other[2]);
    page_fields_release(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_equal_ones, setup),
        cmocka_unit_test_setup(test_unequal_ones, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
