// SPDX-License-Identifier: MIT
//
// Unit test of view/advice.c over a page that we write as apexd would: values arrive and are
// clamped, what a process wants itself comes back when a row goes and when all goes, keys that are
// no options and rows without end are survived, and a purge is made once for each request. Reason:
// this page is how somebody outside reaches into a running program.

#include "view/advice.h"

#include "base/atomic.h"
#include "front/alloc.h"
#include "os/os_numa.h"
#include "policy/config.h"
#include "policy/pool.h"
#include "policy/steer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static struct apex_advice_page page;

static struct apex_stats_process
books(void)
{
    struct apex_stats_process now;

    pool_stats(&now);
    return now;
}

static void
advise(unsigned index, const char *key, uint64_t value)
{
    snprintf(page.row[index].key, sizeof page.row[index].key, "%s", key);
    page.row[index].value = value;
}

static void
follow(unsigned rows)
{
    page.rows = rows;
    page.epoch++;
    advice_follow(&page, sizeof page);
}

static int
setup(void **state)
{
    (void)state;
    advice_end();
    memset(&page, 0, sizeof page);
    config_load(true);
    assert_non_null(alloc_rest(100)); // a heap
    return 0;
}

static void
test_values_come_and_go(void **state)
{
    const struct config *now = config_get();
    uint64_t own_decay = now->decay_ms;
    uint64_t own_floor = now->dirty_floor;

    (void)state;
    advice_begin(&page, sizeof page);
    advise(0, "decay_ms", 1234);
    advise(1, "dirty_floor", UINT64_MAX);
    follow(2);
    assert_int_equal(now->decay_ms, 1234);
    assert_int_equal(now->dirty_floor, UINT64_C(1) << 40); // the nearest that the option allows
    assert_int_equal(config_own()->decay_ms, own_decay);
    assert_int_equal(books().advice_epoch, page.epoch);
    // One goes: it alone is the process's again.
    follow(1);
    assert_int_equal(now->decay_ms, 1234);
    assert_int_equal(now->dirty_floor, own_floor);
    // What the program chooses meanwhile waits until then.
    assert_true(config_tune("decay_ms", 77));
    assert_int_equal(now->decay_ms, 1234);
    advice_end();
    assert_int_equal(now->decay_ms, 77);
    assert_int_equal(books().advice_epoch, 0);
}

static void
test_nothing_new_is_nothing(void **state)
{
    (void)state;
    advice_begin(&page, sizeof page);
    advise(0, "decay_ms", 1234);
    follow(1);
    uint64_t applied = books().advice_applied;
    page.row[0].value = 99; // no new epoch
    advice_follow(&page, sizeof page);
    assert_int_equal(config_get()->decay_ms, 1234);
    // A change that is under way is left for the next look.
    uint64_t rejected = books().advice_rejected;
    page.sequence = 1;
    follow(1);
    assert_int_equal(config_get()->decay_ms, 1234);
    assert_int_equal(books().advice_rejected, rejected + 1);
    page.sequence = 2;
    advice_follow(&page, sizeof page);
    assert_int_equal(config_get()->decay_ms, 99);
    assert_int_equal(books().advice_applied, applied + 1);
}

static void
test_what_makes_no_sense(void **state)
{
    struct config before = *config_get();
    uint64_t rejected = books().advice_rejected;

    (void)state;
    advice_begin(&page, sizeof page);
    advise(0, "no_such_option", 1);
    advise(1, "runtime_dir", 1);
    advise(2, "register", 0); // read at the start only
    memset(page.row[3].key, 'd', sizeof page.row[3].key);
    follow(4);
    assert_memory_equal(config_get(), &before, sizeof before);
    assert_int_equal(books().advice_rejected, rejected + 4);
    // More rows than there are: nothing of that is believed, and what was in force stays.
    advise(0, "decay_ms", 1234);
    follow(1);
    advise(0, "decay_ms", 999);
    follow(APEX_ADVICE_ROWS_MAX + 1);
    assert_int_equal(config_get()->decay_ms, 1234);
    assert_int_equal(books().advice_rejected, rejected + 5);
    advice_follow(&page, sizeof page); // counted once
    assert_int_equal(books().advice_rejected, rejected + 5);
    follow(1);
    assert_int_equal(config_get()->decay_ms, 999);
}

static void
test_going_back(void **state)
{
    uint64_t rejected = books().advice_rejected;

    (void)state;
    page.epoch = 10;
    advice_begin(&page, sizeof page);
    advise(0, "decay_ms", 1234);
    follow(1);
    page.row[0].value = 999;
    page.epoch = 7;
    advice_follow(&page, sizeof page);
    page.epoch = 0;
    advice_follow(&page, sizeof page);
    assert_int_equal(config_get()->decay_ms, 1234);
    assert_int_equal(books().advice_epoch, 11);
    assert_int_equal(books().advice_rejected, rejected + 2);
    // Another daemon begins anew.
    advice_end();
    page.epoch = 3;
    advice_begin(&page, sizeof page);
    assert_int_equal(config_get()->decay_ms, 999);
}

// The process has a new page. Until that says something, what the old one said stays.
static void
test_next_page(void **state)
{
    (void)state;
    page.epoch = 10;
    advice_begin(&page, sizeof page);
    advise(0, "decay_ms", 1234);
    follow(1);
    advise(0, "decay_ms", 99);
    page.epoch = 3;
    page.sequence = 1; // not just now
    advice_begin(&page, sizeof page);
    assert_int_equal(config_get()->decay_ms, 1234);
    assert_int_equal(books().advice_epoch, 11);
    page.sequence = 2;
    advice_follow(&page, sizeof page);
    assert_int_equal(config_get()->decay_ms, 99);
    assert_int_equal(books().advice_epoch, 3);
    // The same number means nothing.
    page.row[0].value = 55;
    advice_begin(&page, sizeof page);
    assert_int_equal(config_get()->decay_ms, 55);
    // One that makes no sense ends it, and one without advice, and one of a daemon that gives none.
    page.rows = UINT32_MAX;
    advice_begin(&page, sizeof page);
    assert_int_equal(config_get()->decay_ms, config_own()->decay_ms);
    assert_int_equal(books().advice_epoch, 0);
    for (unsigned i = 0; i < 2; i++) {
        page.epoch = 3;
        page.rows = 1;
        advice_begin(&page, sizeof page);
        assert_int_equal(config_get()->decay_ms, 55);
        page.epoch = i == 0 ? 0 : 3;
        advice_begin(&page, i == 0 ? sizeof page : APEX_ADVICE_BYTES_MIN);
        assert_int_equal(config_get()->decay_ms, config_own()->decay_ms);
    }
}

static void
test_nodes(void **state)
{
    uint64_t rejected = books().advice_rejected;

    (void)state;
    advice_begin(&page, sizeof page);
    advise(0, "numa_home", 1023);
    advise(1, "decay_ms", 1234);
    follow(2);
    assert_int_equal(config_get()->numa_home, APEX_OPTION_NODE_NONE);
    assert_int_equal(config_get()->decay_ms, 1234);
    assert_int_equal(books().advice_rejected, rejected + 1);
    page.row[0].value = UINT64_MAX;
    follow(1);
    assert_int_equal(config_get()->numa_home, APEX_OPTION_NODE_NONE);
    assert_int_equal(books().advice_rejected, rejected + 2);
    page.row[0].value = os_numa_node();
    follow(1);
    assert_int_equal(config_get()->numa_home, os_numa_node());
    page.row[0].value = APEX_OPTION_NODE_NONE;
    follow(1);
    assert_int_equal(config_get()->numa_home, APEX_OPTION_NODE_NONE);
    assert_int_equal(books().advice_rejected, rejected + 2);
}

static enum large_mode
mode_of_large(void)
{
    struct steer_place where;

    steer_large((size_t)64 << 20, &where);
    return where.place.mode;
}

static void
test_weights(void **state)
{
    uint64_t rejected = books().advice_rejected;
    uint64_t here = os_numa_node();

    (void)state;
    page.weight[0] = (struct apex_advice_weight){(uint16_t)here, 1};
    page.weights = 1;
    advice_begin(&page, sizeof page);
    advise(0, "numa_large", CONFIG_LARGE_SPREAD);
    follow(1);
    assert_int_equal(mode_of_large(), LARGE_PREFER);
    assert_int_equal(books().advice_rejected, rejected);
    page.weight[0].weight = 0;
    follow(1);
    assert_int_equal(mode_of_large(), LARGE_INTERLEAVE);
    assert_int_equal(books().advice_rejected, rejected + 1);
    page.weight[0] = (struct apex_advice_weight){777, 1};
    follow(1);
    page.weights = UINT32_MAX;
    follow(1);
    assert_int_equal(books().advice_rejected, rejected + 3);
    page.weight[0] = (struct apex_advice_weight){(uint16_t)here, 1};
    page.weights = 1;
    follow(1);
    assert_int_equal(mode_of_large(), LARGE_PREFER);
    advice_end();
    assert_int_equal(mode_of_large(), LARGE_TOUCH);
    // A page that ends before them has none.
    page.epoch = 1;
    advice_begin(&page, APEX_ADVICE_BYTES_1);
    assert_int_equal(mode_of_large(), LARGE_INTERLEAVE);
}

static bool watching;
static uint32_t looks;
static uint32_t interleaved; // how often that was seen

static void *
watch(void *unused)
{
    while (load_relaxed(&watching)) {
        interleaved += mode_of_large() == LARGE_INTERLEAVE ? 1 : 0;
        add_relaxed(&looks, 1u);
    }
    return unused;
}

// A thread never finds the option that asks for shares without them: that means to interleave.
static void
test_shares_come_with_their_option(void **state)
{
    pthread_t thread;

    (void)state;
    page.weight[0] = (struct apex_advice_weight){(uint16_t)os_numa_node(), 1};
    advice_begin(&page, sizeof page);
    advise(0, "numa_large", CONFIG_LARGE_SPREAD);
    for (unsigned i = 0; i < 50; i++) {
        store_relaxed(&watching, true);
        store_relaxed(&looks, 0u);
        assert_int_equal(pthread_create(&thread, NULL, watch, NULL), 0);
        while (load_relaxed(&looks) == 0) {
            sched_yield();
        }
        page.weights = 1;
        follow(1);
        assert_int_equal(mode_of_large(), LARGE_PREFER);
        store_relaxed(&watching, false);
        assert_int_equal(pthread_join(thread, NULL), 0);
        page.weights = 0;
        follow(0);
        assert_int_equal(mode_of_large(), LARGE_TOUCH);
    }
    assert_int_equal(interleaved, 0);
}

static void
test_requests(void **state)
{
    (void)state;
    page.sample = 3;
    page.rehome = 5; // made before we came
    advice_begin(&page, sizeof page);
    uint64_t applied = books().advice_applied;
    advice_follow(&page, sizeof page);
    assert_int_equal(books().advice_applied, applied);
    page.sample++;
    advice_follow(&page, sizeof page);
    assert_int_equal(books().advice_applied, applied + 1);
    page.rehome--; // any other number is a request
    advice_follow(&page, sizeof page);
    assert_int_equal(books().advice_applied, applied + 2);
    page.rehome++;
    advice_follow(&page, APEX_ADVICE_BYTES_1);
    assert_int_equal(books().advice_applied, applied + 2);
}

static void
test_older_daemon(void **state)
{
    (void)state;
    advise(0, "decay_ms", 1234);
    page.rows = 1;
    page.epoch = 5;
    advice_begin(&page, APEX_ADVICE_BYTES_MIN);
    advice_follow(&page, APEX_ADVICE_BYTES_MIN);
    assert_int_not_equal(config_get()->decay_ms, 1234);
}

static void
test_purge(void **state)
{
    void *p[64];

    (void)state;
    page.purge = 3; // asked for before we came
    advice_begin(&page, sizeof page);
    for (unsigned i = 0; i < 64; i++) {
        p[i] = alloc_rest(256 << 10);
        assert_non_null(p[i]);
        memset(p[i], 1, 256 << 10);
    }
    for (unsigned i = 0; i < 64; i++) {
        free_rest(p[i]);
    }
    struct apex_stats_process before = books();
    assert_int_not_equal(before.dirty, 0);
    advice_follow(&page, sizeof page);
    assert_int_equal(books().dirty, before.dirty);
    page.purge = 4;
    advice_follow(&page, sizeof page);
    assert_int_equal(books().dirty, 0);
    assert_true(books().purged > before.purged);
    uint64_t applied = books().advice_applied;
    advice_follow(&page, sizeof page);
    assert_int_equal(books().advice_applied, applied);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_values_come_and_go, setup),
        cmocka_unit_test_setup(test_nothing_new_is_nothing, setup),
        cmocka_unit_test_setup(test_what_makes_no_sense, setup),
        cmocka_unit_test_setup(test_going_back, setup),
        cmocka_unit_test_setup(test_next_page, setup),
        cmocka_unit_test_setup(test_nodes, setup),
        cmocka_unit_test_setup(test_weights, setup),
        cmocka_unit_test_setup(test_shares_come_with_their_option, setup),
        cmocka_unit_test_setup(test_requests, setup),
        cmocka_unit_test_setup(test_older_daemon, setup),
        cmocka_unit_test_setup(test_purge, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
