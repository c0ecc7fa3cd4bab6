// SPDX-License-Identifier: MIT
//
// Unit test of core/ration.c: chunks go into a ration and come back, whole or in part.
// Reason: malloc pops from rations while the profile is on; a chunk lost on the way leaks, and one
// that is in both lists is handed out twice.

#include "core/ration.h"

#include "../support/superblock.h"
#include "../support/unit.h"

#define CLASS 7 // 128 bytes, 8 carved at a time

static char *space;         // block 1 of a superblock
static struct block *block; // its descriptor
static struct block *ration;
static struct rng dice;

static int
setup(void **state)
{
    (void)state;
    space = space != NULL ? space : unit_superblock() + BLOCK_BYTES;
    block = unit_block(space, CLASS);
    ration = ration_start(block);
    return 0;
}

static void
expect(uint32_t used, uint32_t at_hand, uint32_t left)
{
    assert_int_equal(block_used(block), used);
    assert_int_equal(ration_at_hand(block), at_hand);
    assert_int_equal(ration_left(block), left);
    block_audit(block);
}

static void
test_place(void **state)
{
    (void)state;
    assert_ptr_not_equal(ration, block);
    assert_ptr_equal(ration_of(ration), block);
    assert_int_equal((uintptr_t)ration >> SUPERBLOCK_SHIFT, (uintptr_t)block >> SUPERBLOCK_SHIFT);
    assert_true((uintptr_t)ration - (uintptr_t)(space - BLOCK_BYTES) < BLOCK_BYTES);
    // No descriptor of the superblock is anybody's ration.
    for (unsigned i = 0; i < BLOCK_COUNT; i++) {
        assert_ptr_not_equal(geometry_descriptor(space - BLOCK_BYTES + i * BLOCK_BYTES), ration);
    }
}

static void
test_whole(void **state)
{
    (void)state;
    assert_true(block_carve(block, &dice));
    ration_fill_all(block, 8);
    expect(8, 0, 8);
    assert_null(block_pop(block));
    for (unsigned i = 0; i < 8; i++) {
        assert_true(freelist_is_free((struct chunk *)(void *)(space + i * 128), block->key));
        assert_ptr_equal(block_pop(ration), space + i * 128);
        expect(8, 0, 7 - i);
    }
    assert_null(block_pop(ration));
    assert_false(block_corrupt(ration));
    for (unsigned i = 0; i < 8; i++) {
        block_push(block, (struct chunk *)(void *)(space + i * 128));
    }
    expect(0, 8, 0);
}

static void
test_part(void **state)
{
    uint32_t count;

    (void)state;
    assert_true(block_carve(block, &dice));
    assert_int_equal(ration_fill_part(block, 3), 3);
    expect(3, 5, 3);
    assert_ptr_equal(block_pop(ration), space);
    assert_true(ration_recall(block, &count));
    assert_int_equal(count, 2);
    expect(1, 7, 0);
    assert_null(block_pop(ration));
    for (unsigned i = 1; i < 8; i++) { // in the same order as before
        assert_ptr_equal(block_pop(block), space + i * 128);
    }
    assert_null(block_pop(block));
    assert_true(ration_recall(block, &count));
    assert_int_equal(count, 0);
}

static void
test_one(void **state)
{
    (void)state;
    assert_true(block_carve(block, &dice));
    assert_int_equal(ration_fill_part(block, 1), 1);
    assert_ptr_equal(block_pop(ration), space);
    assert_null(block_pop(ration));
    expect(1, 7, 0);
}

// In front of what is there, in ascending order, and up to the end of the block.
static void
test_add(void **state)
{
    uint32_t added = RATION_BYTES_ADDED / 128;
    uint32_t carved = 8;

    (void)state;
    assert_true(block_carve(block, &dice));
    assert_int_equal(ration_add(block, &dice), added);
    expect(0, 8 + added, 0);
    for (unsigned i = 0; i < added; i++) {
        assert_ptr_equal(block_pop(block), space + (8 + i) * 128);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_ptr_equal(block_pop(block), space + i * 128);
    }
    for (carved += added; carved < block->capacity; carved += added) {
        added = ration_add(block, &dice);
        assert_true(added > 0);
    }
    assert_int_equal(carved, block->capacity);
    assert_int_equal(ration_add(block, &dice), 0);
    expect(8 + RATION_BYTES_ADDED / 128, carved - 8 - RATION_BYTES_ADDED / 128, 0);
}

static void
test_broken(void **state)
{
    struct chunk *third = (struct chunk *)(void *)(space + 256);
    uint32_t count;

    (void)state;
    assert_true(block_carve(block, &dice));
    uintptr_t link = third->link;
    third->link ^= UINT64_C(1) << 60;
    assert_int_equal(ration_fill_part(block, 5), 0);
    assert_int_equal(block_used(block), 0);
    assert_ptr_equal(block->free, space); // left as it was
    third->link = link;
    ration_fill_all(block, 8);
    third->link ^= UINT64_C(1) << 60;
    assert_false(ration_recall(block, &count));
    assert_int_equal(count, 0);
    expect(8, 0, 0); // used for good
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_place, setup),
        cmocka_unit_test_setup(test_whole, setup),
        cmocka_unit_test_setup(test_part, setup),
        cmocka_unit_test_setup(test_one, setup),
        cmocka_unit_test_setup(test_add, setup),
        cmocka_unit_test_setup(test_broken, setup),
    };
    rng_seed(&dice, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
