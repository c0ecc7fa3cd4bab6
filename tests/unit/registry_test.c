// SPDX-License-Identifier: MIT
//
// Unit test of core/registry.c: marks and records, at the edges of slots and of the address space.
// Reason: free() asks it about any pointer at all, and takes no for an answer only from here.

#include "core/registry.h"

#include "../support/unit.h"

#define SLOT SUPERBLOCK_BYTES

// A place in the address space that the kernel does not give out by itself.
static char *const place = (char *)(UINT64_C(5) << 40);

static void
test_marks(void **state)
{
    (void)state;
    assert_int_equal(registry_kind_of(place), REGISTRY_NONE);
    registry_mark(place, SLOT, REGISTRY_SUPERBLOCK);
    assert_int_equal(registry_kind_of(place), REGISTRY_SUPERBLOCK);
    assert_int_equal(registry_kind_of(place + SLOT - 1), REGISTRY_SUPERBLOCK);
    assert_int_equal(registry_kind_of(place - 1), REGISTRY_NONE);
    assert_int_equal(registry_kind_of(place + SLOT), REGISTRY_NONE);
    registry_mark(place, SLOT, REGISTRY_NONE);
    assert_int_equal(registry_kind_of(place), REGISTRY_NONE);
    // A range that ends anywhere marks the slot in which its last byte lies, and no further one.
    registry_mark(place, SLOT + 1, REGISTRY_LARGE);
    assert_int_equal(registry_kind_of(place + SLOT), REGISTRY_LARGE);
    assert_int_equal(registry_kind_of(place + 2 * SLOT), REGISTRY_NONE);
    registry_mark(place, SLOT + 1, REGISTRY_NONE);
    assert_int_equal(registry_kind_of(place + SLOT), REGISTRY_NONE);
}

// Objects of every length in a row: they begin anywhere in a group of eight slots.
static void
test_large_start(void **state)
{
    enum { LONGEST = 40 };
    char *base = place;

    (void)state;
    for (size_t slots = 1; slots <= LONGEST; slots++) {
        registry_mark(base, SLOT, REGISTRY_LARGE);
        if (slots > 1) {
            registry_mark(base + SLOT, (slots - 1) * SLOT, REGISTRY_LARGE_REST);
        }
        base += slots * SLOT;
    }
    base = place;
    for (size_t slots = 1; slots <= LONGEST; slots++) {
        for (size_t i = 0; i < slots; i++) {
            assert_ptr_equal(registry_large_start(base + i * SLOT), base);
            assert_ptr_equal(registry_large_start(base + (i + 1) * SLOT - 1), base);
        }
        base += slots * SLOT;
    }
    registry_mark(place, (size_t)(base - place), REGISTRY_NONE);
}

static void
test_any_pointer_may_be_asked(void **state)
{
    (void)state;
    assert_int_equal(registry_kind_of(NULL), REGISTRY_NONE);
    assert_false(registry_covers((void *)UINTPTR_MAX));
    assert_false(registry_covers((void *)(UINT64_C(1) << ADDRESS_BITS)));
    assert_true(registry_covers((void *)((UINT64_C(1) << ADDRESS_BITS) - 1)));
    for (unsigned bit = 0; bit < 64; bit++) {
        (void)registry_kind_of((void *)(UINT64_C(1) << bit));
        (void)registry_kind_of((void *)(UINTPTR_MAX << bit));
    }
}

static void
test_records(void **state)
{
    int records[3];

    (void)state;
    assert_null(registry_record(place));
    assert_true(registry_set_record(place, &records[0]));
    assert_true(registry_set_record(place + SLOT, &records[1]));
    // Another leaf of the tree.
    assert_true(registry_set_record(place + (UINT64_C(9) << 32), &records[2]));
    assert_ptr_equal(registry_record(place), &records[0]);
    assert_ptr_equal(registry_record(place + SLOT), &records[1]);
    assert_ptr_equal(registry_record(place + (UINT64_C(9) << 32)), &records[2]);
    assert_null(registry_record(place + 2 * SLOT));
    assert_true(registry_set_record(place, NULL));
    assert_null(registry_record(place));
    assert_null(registry_record((void *)UINTPTR_MAX));
    assert_null(registry_record((void *)(UINT64_C(1) << ADDRESS_BITS)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_large_start),
        cmocka_unit_test(test_any_pointer_may_be_asked),
        cmocka_unit_test(test_records),
    };

    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
