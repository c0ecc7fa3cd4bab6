// SPDX-License-Identifier: MIT
//
// Unit test of policy/orphan.c: a block is put, found by its class only, adopted once, or goes home
// empty. Reason: between two owners a block is easily owned by none.

#include "policy/orphan.h"

#include "policy/pool.h"

#include "../support/unit.h"

#define CLASS 20

static struct owner dead;
static struct owner heir;
static unsigned lost_chunks;

static void
count_lost(void *heap, unsigned c, uint32_t count)
{
    assert_ptr_equal(heap, &heir);
    assert_int_equal(c, CLASS);
    lost_chunks += count;
}

static uint64_t
orphan_blocks(void)
{
    struct apex_stats_process p;

    pool_stats(&p);
    return p.orphan_blocks;
}

// A block as a dead thread leaves it: `live` chunks handed out, in no list.
static struct block *
make(unsigned live, void **chunks)
{
    bool clean;
    struct block *b = pool_take(size_classes[CLASS].run_blocks, 0, 0, &clean);

    assert_non_null(b);
    block_init(b, superblock_block_address(superblock_of(b), geometry_descriptor_index(b)), CLASS,
               size_classes[CLASS].run_blocks,
               &dead, freelist_key(99));
    block_set_state(b, BLOCK_CURRENT);
    block_set_used(b, 0);
    for (unsigned i = 0; i < live; i++) {
        chunks[i] = block_pop(b);
        if (chunks[i] == NULL) {
            assert_true(block_carve(b, NULL));
            chunks[i] = block_pop(b);
        }
    }
    b->settled = live;
    block_set_state(b, BLOCK_MOVING);
    block_set_used(b, live);
    return b;
}

static void
deliver(struct block *b, void *p)
{
    freelist_mark_free(p, b->key);
    remote_deliver(b, p, p, 1);
}

static void
test_adopted_once_and_by_class(void **state)
{
    void *chunks[8];
    struct block *b = make(3, chunks);

    (void)state;
    orphan_put(b);
    assert_true(orphan_is_owner(b->owner));
    assert_false(orphan_is_owner(&heir));
    assert_int_equal(orphan_blocks(), 1);
    assert_null(orphan_adopt(CLASS + 1, 0, &heir, count_lost, &heir));
    assert_ptr_equal(orphan_adopt(CLASS, 0, &heir, count_lost, &heir), b);
    assert_ptr_equal(b->owner, &heir);
    assert_int_equal(block_state(b), BLOCK_MOVING);
    assert_int_equal(block_used(b), 3);
    assert_int_equal(orphan_blocks(), 0);
    assert_null(orphan_adopt(CLASS, 0, &heir, count_lost, &heir));
    store_relaxed(&b->owner, NULL);
    pool_give(b);
}

static void
test_last_free_sends_it_home(void **state)
{
    struct apex_stats_process before;
    struct apex_stats_process after;
    void *chunks[8];
    struct block *b = make(3, chunks);

    (void)state;
    pool_stats(&before);
    orphan_put(b);
    lost_chunks = 0;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(orphan_blocks(), 1);
        deliver(b, chunks[i]);
        orphan_drain(count_lost, &heir);
    }
    assert_int_equal(lost_chunks, 3);
    assert_int_equal(orphan_blocks(), 0);
    pool_stats(&after);
    assert_int_equal(before.active - after.active, size_classes[CLASS].run_blocks * BLOCK_BYTES);
    assert_int_equal(block_state(b), BLOCK_UNUSED);
}

// A full block cannot be adopted until enough has been freed.
static void
test_full_block_waits_for_a_free(void **state)
{
    static void *chunks[4096];
    unsigned capacity = size_classes[CLASS].capacity;
    struct block *b = make(capacity, chunks);

    (void)state;
    orphan_put(b);
    for (unsigned i = 0; i < 16; i++) {
        assert_null(orphan_adopt(CLASS, 0, &heir, count_lost, &heir));
        deliver(b, chunks[i]);
    }
    assert_ptr_equal(orphan_adopt(CLASS, 0, &heir, count_lost, &heir), b);
    assert_int_equal(block_used(b), capacity - 16);
    assert_ptr_equal(b->free, chunks[15]);
    store_relaxed(&b->owner, NULL);
    pool_give(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adopted_once_and_by_class),
        cmocka_unit_test(test_last_free_sends_it_home),
        cmocka_unit_test(test_full_block_waits_for_a_free),
    };

    return cmocka_run_group_tests_name("orphan", tests, NULL, NULL);
}
