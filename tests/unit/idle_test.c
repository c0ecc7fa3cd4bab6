// SPDX-License-Identifier: MIT
//
// Unit test of policy/idle.c: what is put in comes out, the fitting one first, the oldest last.
// Reason: a block that is lost here is lost for good, and one that is found though it is too short
// is handed out as memory of somebody else.

#include "policy/idle.h"

#include "../support/unit.h"

#define RUN_OF(blocks) (CLASS_RUN + (blocks) - 2) // the class whose chunks are so many blocks

static _Alignas(BLOCK_BYTES) char space[BLOCK_BYTES];
static struct block blocks[8];
static struct idle idle;

// blocks[i] becomes an empty block of class c, and goes in.
static struct block *
put(unsigned i, unsigned c)
{
    struct block *b = &blocks[i];

    memset(b, 0, sizeof *b);
    block_init(b, space, c, size_classes[c].run_blocks, NULL, freelist_key(i));
    idle_put(&idle, b);
    return b;
}

static int
setup(void **state)
{
    (void)state;
    idle_init(&idle);
    return 0;
}

static void
test_nothing(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        assert_null(idle_find(&idle, c, size_classes[c].run_blocks, IDLE_LENGTH_MAX));
    }
    assert_null(idle_victim(&idle));
}

static void
test_same_class_first(void **state)
{
    struct block *wanted = put(0, 5);
    struct block *newest = put(1, 9);

    (void)state;
    assert_ptr_equal(idle_find(&idle, 5, 1, 1), wanted);
    assert_ptr_equal(idle_find(&idle, 9, 1, 1), newest);
    assert_ptr_equal(idle_find(&idle, 7, 1, 1), newest); // any will do, so the warmest
    assert_int_equal(idle.blocks, 2);
}

static void
test_length(void **state)
{
    struct block *five = put(0, RUN_OF(5));
    struct block *seven = put(1, RUN_OF(7));

    (void)state;
    assert_null(idle_find(&idle, 0, 1, 1)); // a block of 64 KiB is not cut out of a run
    assert_ptr_equal(idle_find(&idle, RUN_OF(5), 5, 8), five);
    assert_ptr_equal(idle_find(&idle, RUN_OF(4), 4, 6), five); // the shortest that will do
    assert_ptr_equal(idle_find(&idle, RUN_OF(6), 6, 10), seven);
    assert_null(idle_find(&idle, RUN_OF(6), 6, 6));
    assert_null(idle_find(&idle, RUN_OF(8), 8, 14));
    assert_ptr_equal(idle_find(&idle, RUN_OF(2), 2, 16), five);
    assert_int_equal(idle.blocks, 12);
    idle_remove(&idle, five);
    assert_ptr_equal(idle_find(&idle, RUN_OF(2), 2, 16), seven);
    assert_int_equal(idle.blocks, 7);
}

// Each bin loses its oldest in turn, so that none keeps what nobody wants any more.
static void
test_victims(void **state)
{
    struct block *order[] = {put(0, 1), put(1, RUN_OF(16)), put(2, RUN_OF(3)), put(3, 2),
                             put(4, 3)};
    static const unsigned expected[] = {0, 2, 1, 3, 4};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct block *b = idle_victim(&idle);
        assert_ptr_equal(b, order[expected[i]]);
        idle_remove(&idle, b);
    }
    assert_null(idle_victim(&idle));
    assert_int_equal(idle.blocks, 0);
    assert_int_equal(idle.bins, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing, setup),
        cmocka_unit_test_setup(test_same_class_first, setup),
        cmocka_unit_test_setup(test_length, setup),
        cmocka_unit_test_setup(test_victims, setup),
    };

    return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
