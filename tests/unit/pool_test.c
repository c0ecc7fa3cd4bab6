// SPDX-License-Identifier: MIT
//
// Unit test of policy/pool.c: taking and giving runs, the books, the bounds, purging.
// Reason: all memory of the process passes here, and the statistics are these books.

#include "policy/pool.h"

#include "core/registry.h"
#include "policy/config.h"

#include "../support/unit.h"

#include <sys/resource.h>

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
        runs[i] = pool_take(count, 0, 0, &clean);
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
    struct block *run = pool_take(2, 0, 0, &clean);

    (void)state;
    assert_true(pool_extend(run, 7));
    assert_int_equal(books().active - before.active, 7 * BLOCK_BYTES);
    for (unsigned k = 1; k < 7; k++) {
        assert_ptr_equal(block_head(run + k), run);
    }
    struct block *next = pool_take(1, 0, 0, &clean);
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
        runs[i] = pool_take(15, 0, 0, &clean);
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
            runs[i] = pool_take(15, 0, 0, &clean);
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
    struct block *b = pool_take(10, 0, 0, &clean);

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
    struct block *b = pool_take(20, 0, 0, &clean);

    (void)state;
    memset(address_of(b), 0xee, 20 * BLOCK_BYTES);
    pool_give(b);
    pool_trim(0);
    b = pool_take(20, 0, 0, &clean);
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
        runs[i] = pool_take(63, 0, 0, &clean);
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
    struct block *b = pool_take(3, 0, 0, &clean);

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
    struct block *b = pool_take(63, 0, 0, &clean); // the most there is
    assert_non_null(b);
    pool_give(b);
}

static struct apex_stats_node
books_of(unsigned home)
{
    struct apex_stats_node node;

    assert_true(pool_home_stats(home, &node));
    return node;
}

// What is free on one node serves threads of that node, and goes back to it whoever gives it.
static void
test_homes(void **state)
{
    static struct block *runs[2][RUNS];
    struct apex_stats_process before = books();
    bool clean;

    (void)state;
    store_relaxed(&numa_many, 1);
    for (unsigned i = 0; i < RUNS; i++) {
        for (unsigned home = 0; home < 2; home++) {
            runs[home][i] = pool_take(1 + i % 5, home, 0, &clean);
            assert_int_equal(pool_home_of(runs[home][i]), home);
        }
    }
    assert_int_equal(books_of(1).refills_local, 0);
    assert_int_equal(books_of(1).refills_remote, RUNS);
    assert_true(books_of(0).refills_local >= RUNS);
    assert_int_equal(books_of(0).refills_remote, 0);
    assert_int_equal(books_of(0).active + books_of(1).active, books().active - books().large);
    pool_audit();
    uint64_t active = books_of(1).active;
    for (unsigned i = 0; i < RUNS; i++) {
        pool_give(runs[0][i]);
    }
    assert_int_equal(books_of(1).active, active);
    assert_int_equal(books_of(0).active, before.active);
    struct block *b = pool_take(1, 1, 1, &clean);
    assert_int_equal(pool_home_of(b), 1); // and not one of the many that are free on the other
    pool_give(b);
    for (unsigned i = 0; i < RUNS; i++) {
        pool_give(runs[1][i]);
    }
    pool_audit();
    assert_int_equal(books_of(1).active, 0);
    assert_int_equal(books_of(0).dirty + books_of(1).dirty, books().dirty);
    assert_int_equal(books_of(0).retained + books_of(1).retained, books().retained);
    assert_true(books().dirty <= config_get()->dirty_floor * (1 + POOL_REGRET_TIMES)); // in sum
    pool_trim(0);
    assert_int_equal(books_of(1).mapped, 0);
    store_relaxed(&numa_many, 0);
}

// Without memory for a new superblock the other node's serve; then there is none.
static void
test_remote_before_none(void **state)
{
    static struct block *runs[BLOCK_COUNT * 2];
    struct rlimit limit;
    unsigned count = 0;
    bool clean;

    (void)state;
    store_relaxed(&numa_many, 1);
    struct block *b = pool_take(1, 0, 0, &clean);
    uint64_t remote = books_of(0).refills_remote;
    assert_int_equal(getrlimit(RLIMIT_DATA, &limit), 0);
    // Reserved space counts when it is made writable: not one superblock more. (To the kernel, a
    // limit of 0 is none.)
    assert_int_equal(setrlimit(RLIMIT_DATA, &(struct rlimit){4096, limit.rlim_max}), 0);
    while (count < BLOCK_COUNT * 2 && (runs[count] = pool_take(1, 1, 1, &clean)) != NULL) {
        assert_int_equal(pool_home_of(runs[count]), 0);
        count++;
    }
    assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
    assert_true(count > 0 && count < BLOCK_COUNT * 2);
    assert_int_equal(books_of(0).refills_remote - remote, count);
    while (count > 0) {
        pool_give(runs[--count]);
    }
    pool_give(b);
    store_relaxed(&numa_many, 0);
}

// What others count: frees_same, frees_cross, switches, and what sampling finds: sampled, at_home,
// found.
static void
test_counts_of_a_home(void **state)
{
    struct apex_stats_node node;

    (void)state;
    POOL_COUNT_HOME(2, frees_cross, 3);
    POOL_COUNT_HOME(2, frees_cross, 4);
    POOL_COUNT_HOME(2, at_home, 5);
    assert_false(pool_home_stats(2, &node)); // no such node, but counted
    assert_int_equal(node.frees_cross, 7);
    assert_int_equal(node.at_home, 5);
    assert_int_equal(node.frees_same, 0);
}

static struct apex_stats_process page;
static struct apex_stats_node page_node[NUMA_HOMES];

static struct apex_stats_process *
page_of(void)
{
    return &page;
}

static struct apex_stats_node *
page_node_of(unsigned home)
{
    return &page_node[home];
}

static void
expect_on_page(void)
{
    struct apex_stats_process process = books();
    struct apex_stats_node node;

    assert_memory_equal(&page, &process, sizeof page);
    for (unsigned home = 0; home < 3; home++) {
        (void)pool_home_stats(home, &node);
        assert_memory_equal(&page_node[home], &node, sizeof node);
    }
}

// Whatever changes is on the page when the call returns, be it in the part that is copied each time
// or in the other.
static void
test_page_says_the_same(void **state)
{
    bool clean;

    (void)state;
    pool_set_page(page_of, page_node_of);
    pool_mirror();
    expect_on_page();
    assert_true(pool_large_reserve(8192));
    expect_on_page();
    assert_true(pool_large_resize(8192, 16384));
    expect_on_page();
    pool_large_adjust(16384, 4096);
    expect_on_page();
    pool_large_free(4096);
    expect_on_page();
    POOL_COUNT(orphan_blocks, 1);
    expect_on_page();
    POOL_COUNT_HOME(2, frees_cross, 1);
    expect_on_page();
    struct block *b = pool_take(3, 0, 1, &clean); // for a thread elsewhere
    assert_non_null(b);
    expect_on_page();
    memset(address_of(b), 1, 3 * BLOCK_BYTES);
    pool_give(b);
    expect_on_page();
    pool_trim(0);
    expect_on_page();
    POOL_COUNT(orphan_blocks, -1);
    expect_on_page();
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
        cmocka_unit_test_teardown(test_homes, teardown),
        cmocka_unit_test_teardown(test_remote_before_none, teardown),
        cmocka_unit_test_teardown(test_counts_of_a_home, teardown),
        cmocka_unit_test_teardown(test_page_says_the_same, teardown), // last: the page stays
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
