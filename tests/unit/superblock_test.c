// SPDX-License-Identifier: MIT
//
// Unit test of core/superblock.c: taking and giving runs of blocks, dirty before clean.
// Reason: a bit too many hands a block to two owners; a bit too few loses it.

#include "core/superblock.h"

#include "base/bits.h"
#include "os/os.h"

#include "../support/unit.h"

static char *space;
static struct superblock *sb;

static int
setup(void **state)
{
    void *p = NULL;

    (void)state;
    assert_int_equal(os_reserve(SUPERBLOCK_BYTES, SUPERBLOCK_BYTES, 0, &p), 0);
    assert_int_equal(os_commit(p, SUPERBLOCK_BYTES), 0);
    space = p;
    sb = superblock_init(space, 3, 17);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    return os_release(space, SUPERBLOCK_BYTES);
}

static void
test_addresses(void **state)
{
    (void)state;
    assert_ptr_equal(superblock_of(space), sb);
    assert_ptr_equal(superblock_of(space + SUPERBLOCK_BYTES - 1), sb);
    assert_ptr_equal((char *)sb - ((uintptr_t)sb & BLOCK_MASK), space); // in block 0
    for (unsigned i = 1; i < BLOCK_COUNT; i++) {
        struct block *b = superblock_block(sb, i);
        assert_ptr_equal(superblock_block_address(sb, i), space + i * BLOCK_BYTES);
        assert_in_range((uintptr_t)b, (uintptr_t)space, (uintptr_t)space + BLOCK_BYTES - 1);
        assert_int_equal((uintptr_t)b % CACHE_LINE_BYTES, 0);
        assert_ptr_not_equal(b, superblock_block(sb, i - 1));
        assert_ptr_equal(geometry_descriptor(space + i * BLOCK_BYTES + 777), b);
    }
}

static void
test_take_all_one_by_one(void **state)
{
    uint64_t seen = 0;

    (void)state;
    assert_int_equal(superblock_free_count(sb), SUPERBLOCK_USABLE_BLOCKS);
    for (unsigned i = 0; i < SUPERBLOCK_USABLE_BLOCKS; i++) {
        bool clean = false;
        int index = superblock_take(sb, 1, 0, &clean);
        assert_in_range(index, 1, 63); // never block 0
        assert_true(clean);
        assert_false(seen >> index & 1);
        seen |= UINT64_C(1) << index;
    }
    bool clean;
    assert_int_equal(superblock_take(sb, 1, 0, &clean), -1);
    assert_int_equal(superblock_free_count(sb), 0);
}

static void
test_runs(void **state)
{
    bool clean;

    (void)state;
    assert_int_equal(superblock_take(sb, 63, 0, &clean), 1);
    superblock_give(sb, 1, 63);
    assert_int_equal(superblock_take(sb, 64, 0, &clean), -1);
    int a = superblock_take(sb, 20, 0, &clean);
    int b = superblock_take(sb, 20, 0, &clean);
    int c = superblock_take(sb, 20, 0, &clean);
    assert_true(a >= 1 && b >= 1 && c >= 1);
    assert_int_equal(superblock_take(sb, 20, 0, &clean), -1); // three are left
    assert_true(superblock_take(sb, 3, 0, &clean) >= 1);
    superblock_give(sb, (unsigned)b, 20);
    assert_int_equal(superblock_take(sb, 21, 0, &clean), -1);
    assert_int_equal(superblock_take(sb, 20, 0, &clean), b);
}

static void
test_place_is_chosen(void **state)
{
    bool clean;

    (void)state;
    assert_int_equal(superblock_take(sb, 1, 40, &clean), 40);
    assert_int_equal(superblock_take(sb, 1, 40, &clean), 41);
    assert_int_equal(superblock_take(sb, 30, 40, &clean), 1); // too many for what is behind 41
    superblock_give(sb, 10, 1);
    assert_int_equal(superblock_take(sb, 1, 50, &clean), 10); // dirty comes before clean
}

static void
test_take_at(void **state)
{
    bool clean;

    (void)state;
    assert_int_equal(superblock_take(sb, 10, 0, &clean), 1);
    assert_false(superblock_take_at(sb, 10, 3)); // the first of them is in use
    assert_true(superblock_take_at(sb, 11, 3));
    assert_false(superblock_take_at(sb, 13, 1));
    assert_false(superblock_take_at(sb, 60, 5)); // beyond the end
    assert_true(superblock_take_at(sb, 60, 4));
    assert_int_equal(superblock_free_count(sb), SUPERBLOCK_USABLE_BLOCKS - 17);
    superblock_give(sb, 60, 4);
    assert_true(superblock_take_at(sb, 61, 1)); // dirty ones as well
    superblock_audit(sb);
}

static void
test_dirty_first(void **state)
{
    bool clean = false;

    (void)state;
    assert_int_equal(superblock_take(sb, 8, 0, &clean), 1);
    assert_true(clean);
    superblock_give(sb, 5, 2); // two dirty blocks
    assert_true(sb->dirty == bits_range(5, 2));
    assert_int_equal(superblock_take(sb, 2, 0, &clean), 5);
    assert_false(clean);
    superblock_give(sb, 5, 2);
    assert_int_equal(superblock_take(sb, 3, 0, &clean), 9); // too few dirty ones: clean ones
    assert_true(clean);
    assert_true(sb->dirty == bits_range(5, 2));
}

static void
test_purge(void **state)
{
    bool clean;

    (void)state;
    assert_int_equal(superblock_take(sb, 10, 0, &clean), 1);
    superblock_give(sb, 3, 4);
    uint64_t blocks = superblock_take_dirty(sb);
    assert_true(blocks == bits_range(3, 4));
    assert_true(sb->dirty == 0);
    assert_true((sb->free & blocks) == 0); // nobody gets them meanwhile
    superblock_purged(sb, blocks, true);
    assert_true((sb->free & blocks) == blocks);
    assert_true(sb->dirty == 0);
    assert_int_equal(superblock_take(sb, 4, 0, &clean), 3);
    assert_true(clean);
    superblock_give(sb, 3, 4);
    blocks = superblock_take_dirty(sb);
    superblock_purged(sb, blocks, false); // the kernel refused: still dirty
    assert_true(sb->dirty == bits_range(3, 4));
    superblock_audit(sb);
}

static void
test_lazy(void **state)
{
    bool clean;

    (void)state;
    assert_int_equal(superblock_take(sb, 10, 0, &clean), 1);
    superblock_give(sb, 3, 4);
    uint64_t blocks = superblock_take_unmarked(sb);
    assert_true(blocks == bits_range(3, 4));
    assert_true((sb->free & blocks) == 0); // nobody writes to them meanwhile
    superblock_marked(sb, blocks, true);
    assert_true((sb->free & sb->dirty & sb->lazy) == blocks);
    superblock_give(sb, 7, 1);
    blocks = superblock_take_unmarked(sb); // only what came since
    assert_true(blocks == bits_range(7, 1));
    superblock_marked(sb, blocks, false); // the kernel refused
    assert_true(sb->lazy == bits_range(3, 4));
    assert_true(sb->dirty == bits_range(3, 5));
    assert_int_equal(superblock_take(sb, 2, 0, &clean), 3);
    assert_false(clean);
    assert_true(sb->lazy == bits_range(5, 2)); // what is in use is not for the kernel to take
    superblock_take_dirty(sb);
    assert_true(sb->lazy == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_take_all_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_place_is_chosen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_take_at, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dirty_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_purge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lazy, setup, teardown),
    };

    return cmocka_run_group_tests_name("superblock", tests, NULL, NULL);
}
