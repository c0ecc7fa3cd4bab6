// SPDX-License-Identifier: MIT
//
// Unit test of front/place.c: where addresses in, around and far from objects lead, and which fault
// is raised for those that lead nowhere. The messages themselves are tested by tests/crimes.
// Reason: free() of each of these would else go by what happens to lie at the address.

#include "front/place.h"

#include "apex.h"

#include "../support/unit.h"

static int
setup(void **state)
{
    (void)state;
    fault_set_report(true);
    return 0;
}

static void
test_objects(void **state)
{
    static const size_t sizes[] = {1, 100, 5000, 70000, 900000, 3000000};

    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *p = apex_malloc(sizes[i]);
        struct place place = place_of(p);
        assert_int_equal(place.kind, sizes[i] > CHUNK_BYTES_MAX ? PLACE_LARGE : PLACE_CHUNK);
        assert_true(place.usable_bytes >= sizes[i]);
        assert_int_equal(place_live_block(p) != NULL, place.kind == PLACE_CHUNK);
        assert_int_equal(place_of(p + 1).kind, PLACE_NOWHERE);
        assert_int_equal(place_of(p + 16).kind, PLACE_NOWHERE);
        apex_free(p);
    }
}

static void
test_freed(void **state)
{
    char *volatile p = apex_malloc(100); // the compiler would warn

    (void)state;
    apex_free(p);
    assert_null(place_live_block(p));
    assert_int_equal(place_of(p).kind, PLACE_NOWHERE);
}

static void
test_elsewhere(void **state)
{
    static char nobodys[32];
    int on_stack = 0;

    (void)state;
    assert_int_equal(place_of(nobodys).kind, PLACE_NOWHERE);
    assert_int_equal(place_of(&on_stack).kind, PLACE_NOWHERE);
    assert_int_equal(place_of((void *)UINTPTR_MAX).kind, PLACE_NOWHERE);
    char *p = apex_malloc(100);
    assert_int_equal(place_of(geometry_superblock_base(p)).kind, PLACE_NOWHERE);
    apex_free(p);
}

// A block has no owner for a moment, on its way to the pool, while its state still says that it is
// in use: a wild pointer into it must not be sent to its owner.
static void
test_nobodys_block(void **state)
{
    char *p = apex_malloc(100);
    struct block *b = place_block(p);
    struct owner *owner = b->owner;

    (void)state;
    store_relaxed(&b->owner, NULL);
    assert_null(place_block(p));
    assert_int_equal(place_of(p).kind, PLACE_NOWHERE);
    store_relaxed(&b->owner, owner);
    assert_int_equal(place_of(p).kind, PLACE_CHUNK);
    apex_free(p);
}

// What lies in an object may look like the mark of a chunk that was freed.
static void
test_mark_inside_object(void **state)
{
    char *p = apex_malloc(256);
    struct chunk *inside = chunk_of(p + 32);
    const struct block *b = place_block(p);
    uint64_t before = fault_count(FAULT_INTERIOR_FREE);

    (void)state;
    freelist_set_next(inside, NULL, b->key);
    freelist_mark_free(inside, b->key);
    assert_true(freelist_is_free(inside, b->key));
    assert_int_equal(place_of(p + 32).kind, PLACE_NOWHERE);
    assert_int_equal(fault_count(FAULT_INTERIOR_FREE), before + 1);
    apex_free(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_objects, setup),
        cmocka_unit_test_setup(test_freed, setup),
        cmocka_unit_test_setup(test_elsewhere, setup),
        cmocka_unit_test_setup(test_nobodys_block, setup),
        cmocka_unit_test_setup(test_mark_inside_object, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
