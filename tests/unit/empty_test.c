// SPDX-License-Identifier: MIT
//
// Unit test of core/empty.c: addresses are distinct, aligned and inaccessible, kinds are kept, a
// second free is noticed, and a full region is followed by another.
// Reason: malloc(0) must be as unique as any other address.

#include "core/empty.h"

#include "core/registry.h"

#include "../support/unit.h"

#define COUNT (SUPERBLOCK_BYTES / ALIGN_BYTES + 100) // more than one region has

#define REGION_LIVE_MAX (SUPERBLOCK_BYTES / ALIGN_BYTES / 8 * 7)

static char *objects[COUNT];

static int
compare(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a;
    uintptr_t y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

static void
test_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = empty_alloc((unsigned)i % EMPTY_KINDS);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % ALIGN_BYTES, 0);
        assert_int_equal(registry_kind_of(objects[i]), REGISTRY_EMPTY);
        assert_int_equal(empty_kind(objects[i]), i % EMPTY_KINDS);
        assert_int_equal(empty_kind(objects[i] + 1), -1);
    }
    qsort(objects, COUNT, sizeof *objects, compare);
    size_t neighbours = 1; // in one region
    for (size_t i = 1; i < COUNT; i++) {
        assert_ptr_not_equal(objects[i - 1], objects[i]);
        bool same = ((uintptr_t)objects[i - 1] ^ (uintptr_t)objects[i]) < SUPERBLOCK_BYTES;
        neighbours = same ? neighbours + 1 : 1;
        assert_true(neighbours <= REGION_LIVE_MAX); // or the last free address is long to find
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(empty_free(objects[i]));
        assert_false(empty_free(objects[i]));
        assert_int_equal(empty_kind(objects[i]), -1);
    }
}

static void
test_late_reuse(void **state)
{
    char *first = empty_alloc(0);

    (void)state;
    assert_true(empty_free(first));
    for (unsigned i = 0; i < 1000; i++) {
        char *p = empty_alloc(0);
        assert_ptr_not_equal(p, first);
        assert_true(empty_free(p));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_late_reuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
