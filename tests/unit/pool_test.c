// SPDX-License-Identifier: MIT
//
// Unit test of policy/pool.c: taking and giving runs, the books, the bounds, purging.
// Reason: all memory of the process passes here, and the statistics are these books.

#include "policy/pool.h"

#include "core/registry.h"
#include "policy/config.h"

#include "../support/unit.h"

#define RUNS 400

static struct apex_stats_process
books(void)
{
    struct apex_stats_process p;

    pool_stats(&p);
    return p;
}

static char *
address_of(const struct block *b)
{
    return superblock_block_address(superblock_of(b), geometry_descriptor_index(b));
}

static int
teardown(void **state)
{
    (void)state;
    pool_trim(0);
    pool_audit();
    return 0;
}

static void
test_runs_are_apart_and_described(void **state)
{
    static struct block *runs[RUNS];
    struct apex_stats_process before = books();
    uint64_t blocks = 0;

    (void)state;
    for (unsigned i = 0; i < RUNS; i++) {
        unsigned count = 1 + i % 16;
        bool clean = false;
        runs[i] = pool_take(count, &clean);
        assert_non_null(runs[i]);
        assert_int_equal(block_state(runs[i]), BLOCK_UNUSED);
        assert_int_equal(registry_kind_of(address_of(runs[i])), REGISTRY_SUPERBLOCK);
        assert_true(geometry_block_index(address_of(runs[i])) + count <= BLOCK_COUNT);
        for (unsigned k = 1; k < count; k++) {
            assert_int_equal(block_state(runs[i] + k), BLOCK_TAIL);
            assert_ptr_equal(block_head(runs[i] + k), runs[i]);
        }
        for (size_t k = 0; clean && k < count * BLOCK_BYTES; k += 1021) {
            assert_int_equal(address_of(runs[i])[k], 0);
        }
        memset(address_of(runs[i]), (int)i, count * BLOCK_BYTES);
        blocks += count;
    }
    assert_int_equal(books().active - before.active, blocks * BLOCK_BYTES);
    pool_audit();
    for (unsigned i = 0; i < RUNS; i++) {
        const char *p = address_of(runs[i]);
        assert_int_equal(p[0], (char)i); // nobody else wrote there
        assert_int_equal(p[(1 + i % 16) * BLOCK_BYTES - 1], (char)i);
        pool_give(runs[i]);
    }
    assert_int_equal(books().active, before.active);
    pool_audit();
}

static void
test_extend(void **state)
{
    struct apex_stats_process before = books();
    bool clean;
    struct block *run = pool_take(2, &clean);

    (void)state;
    assert_true(pool_extend(run, 7));
    assert_int_equal(books().active - before.active, 7 * BLOCK_BYTES);
    for (unsigned k = 1; k < 7; k++) {
        assert_ptr_equal(block_head(run + k), run);
    }
    struct block *next = pool_take(1, &clean);
    assert_ptr_equal(next, run + 7); // first fit: right behind it
    assert_false(pool_extend(run, 8));
    assert_true(config_tune("heap_limit", books().active));
    pool_give(next);
    assert_true(pool_extend(run, 8)); // as much as was given back
    assert_false(pool_extend(run, 9));
    assert_true(config_tune("heap_limit", 0));
    assert_true(pool_extend(run, 9));
    pool_give(run);
    assert_int_equal(books().active, before.active);
    pool_audit();
}

// However much is freed at once, what may stay resident keeps to its bound.
static void
test_dirty_is_bounded(void **state)
{
    static struct block *runs[200];
    const struct config *c = config_get();
    bool clean;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        runs[i] = pool_take(15, &clean);
        assert_non_null(runs[i]);
        memset(address_of(runs[i]), 1, 15 * BLOCK_BYTES);
    }
    for (unsigned i = 0; i < 200; i++) {
        pool_give(runs[i]);
        struct apex_stats_process p = books();
        uint64_t bound = c->dirty_floor * (1 + POOL_REGRET_TIMES) + p.active * c->dirty_ratio / 100;
        assert_true(p.dirty <= bound + 15 * BLOCK_BYTES);
    }
    assert_true(books().purged > 0);
    assert_true(books().purge_calls > 0);
}

// What is freed and taken again in turns is left alone after some turns, and was given back in the
// first.
static void
test_regret(void **state)
{
    static struct block *runs[50]; // 47 MiB
    uint64_t purged[12];
    bool clean;

    (void)state;
    assert_true(config_tune("decay_ms", 600000)); // only the bound counts
    pool_trim(0);
    for (unsigned turn = 0; turn < 12; turn++) {
        uint64_t before = books().purged;
        for (unsigned i = 0; i < 50; i++) {
            runs[i] = pool_take(15, &clean);
            assert_non_null(runs[i]);
        }
        for (unsigned i = 0; i < 50; i++) {
            pool_give(runs[i]);
        }
        purged[turn] = books().purged - before;
    }
    assert_true(config_tune("decay_ms", 500));
    assert_true(purged[0] >= 50 * 15 * BLOCK_BYTES / 2);
    assert_int_equal(purged[11], 0);
}

static void
test_trim(void **state)
{
    bool clean;
    struct block *b = pool_take(10, &clean);

    (void)state;
    assert_non_null(b);
    memset(address_of(b), 1, 10 * BLOCK_BYTES);
    pool_give(b);
    assert_true(books().dirty >= 10 * BLOCK_BYTES);
    assert_true(pool_trim(0) >= 10 * BLOCK_BYTES);
    assert_int_equal(books().dirty, 0);
    assert_int_equal(pool_trim(0), 0);
}

// What was purged reads as zero again, and the pool says so.
static void
test_purged_is_clean(void **state)
{
    bool clean = false;
    struct block *b = pool_take(20, &clean);

    (void)state;
    memset(address_of(b), 0xee, 20 * BLOCK_BYTES);
    pool_give(b);
    pool_trim(0);
    b = pool_take(20, &clean);
    assert_true(clean);
    for (size_t k = 0; k < 20 * BLOCK_BYTES; k++) {
        assert_int_equal(address_of(b)[k], 0);
    }
    pool_give(b);
}

// The address space of empty superblocks above `retain` goes back as well.
static void
test_retain(void **state)
{
    static struct block *runs[100]; // 400 MiB, one superblock each
    bool clean;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        runs[i] = pool_take(63, &clean);
        assert_non_null(runs[i]);
    }
    assert_true(books().superblocks >= 100);
    for (unsigned i = 0; i < 100; i++) {
        pool_give(runs[i]);
    }
    pool_trim(0);
    struct apex_stats_process p = books();
    assert_true(p.superblocks * SUPERBLOCK_BYTES <=
                config_get()->retain + p.active + 4 * SUPERBLOCK_BYTES);
}

static unsigned visited;

static void
count_visit(struct block *b, void *context)
{
    if (b == context) {
        visited++;
    }
}

static void
test_visit(void **state)
{
    bool clean;
    struct block *b = pool_take(3, &clean);

    (void)state;
    block_set_state(b, BLOCK_CURRENT);
    visited = 0;
    pool_visit_blocks(count_visit, b);
    assert_int_equal(visited, 1);
    block_set_state(b, BLOCK_UNUSED);
    pool_give(b);
    visited = 0;
    pool_visit_blocks(count_visit, b);
    assert_int_equal(visited, 0);
}

static void
test_too_many(void **state)
{
    bool clean;

    (void)state;
    struct block *b = pool_take(63, &clean); // the most there is
    assert_non_null(b);
    pool_give(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_regret, teardown), // first: nothing is regretted yet
        cmocka_unit_test_teardown(test_runs_are_apart_and_described, teardown),
        cmocka_unit_test_teardown(test_extend, teardown),
        cmocka_unit_test_teardown(test_dirty_is_bounded, teardown),
        cmocka_unit_test_teardown(test_trim, teardown),
        cmocka_unit_test_teardown(test_purged_is_clean, teardown),
        cmocka_unit_test_teardown(test_retain, teardown),
        cmocka_unit_test_teardown(test_visit, teardown),
        cmocka_unit_test_teardown(test_too_many, teardown),
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
