// SPDX-License-Identifier: MIT
//
// Unit test of view/stats.c: every statistic is moved by what it counts, and by how much.
// Reason: an operator acts on these figures; one that stands still or counts something else
// misleads.

#include "view/stats.h"

#include "apex.h"
#include "core/size_class.h"
#include "policy/heaps.h"
#include "policy/pool.h"

#include "../support/unit.h"

#include <semaphore.h>

#define MIB ((size_t)1 << 20)
#define OBJECTS 10000
#define THREADS 110 // more than there are slots

static struct stats_totals before;
static struct stats_totals after;
static void *objects[OBJECTS];

static void
begin(void)
{
    heap_collect(heap_self.heap);
    stats_sum(&before);
}

static void
end(void)
{
    heap_collect(heap_self.heap);
    stats_sum(&after);
}

#define PROCESS(name) ((int64_t)(after.process.name - before.process.name))
#define THREAD(name) ((int64_t)(after.threads.name - before.threads.name))

static void
allocate_all(size_t size)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = apex_malloc(size);
        assert_non_null(objects[i]);
        memset(objects[i], 1, size);
    }
}

static void *
free_all(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    return NULL;
}

static void
test_small_objects(void **state)
{
    unsigned c = size_class_of(400);

    (void)state;
    begin();
    allocate_all(400);
    end();
    uint64_t bytes = (uint64_t)OBJECTS * size_classes[c].chunk_bytes;
    assert_int_equal(after.class_size_bytes[c], size_classes[c].chunk_bytes);
    assert_int_equal(THREAD(class[c].live_gained), OBJECTS);
    assert_int_equal(after.allocated_bytes - before.allocated_bytes, bytes);
    assert_in_range(PROCESS(active), bytes - 65536, bytes + 2 * 65536);
    assert_in_range(THREAD(blocks_taken), bytes / 65536, bytes / 65536 + 2);
    assert_true(THREAD(slow_allocs) >= THREAD(blocks_taken));
    assert_true(after.process.metadata > 0 && after.process.mapped >= after.process.active);
    assert_true(after.process.superblocks >= 1);
    begin();
    free_all(NULL);
    end();
    assert_int_equal(THREAD(class[c].live_lost), OBJECTS);
    assert_in_range(THREAD(blocks_returned), bytes / 65536 - 2, bytes / 65536 + 2);
    assert_true(THREAD(slow_frees) >= THREAD(blocks_returned) - 1);
    assert_in_range(-PROCESS(active), bytes - 3 * 65536, bytes + 2 * 65536);
}

static void
test_large_objects(void **state)
{
    (void)state;
    begin();
    void *run = apex_malloc(300 << 10); // a chunk, though blocks of its own
    void *mapping = apex_malloc(5 * MIB);
    end();
    assert_int_equal(PROCESS(large_objects), 1);
    assert_int_equal(PROCESS(large_allocs), 1);
    assert_int_equal(PROCESS(large), 5 * MIB);
    assert_int_equal(PROCESS(active), 5 * MIB + (320 << 10));
    assert_int_equal(after.allocated_bytes - before.allocated_bytes, 5 * MIB + (320 << 10));
    assert_int_equal(PROCESS(mapped) % 4096, 0);
    begin();
    apex_free(run);
    apex_free(mapping);
    end();
    assert_int_equal(PROCESS(large_objects), -1);
    assert_int_equal(PROCESS(large_frees), 1);
    assert_int_equal(PROCESS(large), -(int64_t)(5 * MIB));
}

static void
test_dirty_and_purged(void **state)
{
    (void)state;
    void *keep = apex_malloc(16); // so that its superblock stays, with the rest of it free
    void *run = apex_malloc(900 << 10);
    memset(run, 1, 900 << 10);
    pool_trim(0);
    begin();
    assert_int_equal(before.process.dirty, 0);
    apex_free(run);
    end();
    assert_in_range(PROCESS(dirty), 900 << 10, 960 << 10);
    begin();
    pool_trim(0);
    stats_sum(&after);
    assert_int_equal(after.process.dirty, 0);
    assert_in_range(PROCESS(purged), 900 << 10, 2 * MIB);
    assert_true(PROCESS(purge_calls) >= 1);
    assert_in_range(after.process.retained, 900 << 10, 4 << 20);
    assert_int_equal(after.process.os_failures, 0);
    apex_free(keep);
}

static void
test_remote_frees(void **state)
{
    pthread_t thread;

    (void)state;
    allocate_all(100);
    begin();
    assert_int_equal(pthread_create(&thread, NULL, free_all, NULL), 0);
    pthread_join(thread, NULL);
    end();
    assert_int_equal(THREAD(remote_sent), OBJECTS);
    assert_int_equal(THREAD(remote_received), OBJECTS);
    assert_in_range(THREAD(remote_batches), 1, OBJECTS / 8);
    assert_int_equal(PROCESS(threads_started), 1);
    assert_int_equal(PROCESS(threads_exited), 1);
}

static void *
leave_all(void *argument)
{
    (void)argument;
    allocate_all(100);
    return NULL;
}

static void
test_orphans(void **state)
{
    pthread_t thread;

    (void)state;
    begin();
    assert_int_equal(pthread_create(&thread, NULL, leave_all, NULL), 0);
    pthread_join(thread, NULL);
    end();
    assert_in_range(PROCESS(orphan_blocks), OBJECTS * 112 / 65536, OBJECTS * 112 / 65536 + 1);
    free_all(NULL);
    end();
    assert_int_equal(after.process.orphan_blocks, 0);
    // One that is half empty is adopted by whoever needs its class next.
    assert_int_equal(pthread_create(&thread, NULL, leave_all, NULL), 0);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < OBJECTS / 2; i++) {
        apex_free(objects[i]);
    }
    begin();
    for (unsigned i = 0; i < OBJECTS / 2; i++) {
        objects[i] = apex_malloc(100);
    }
    end();
    assert_true(THREAD(blocks_adopted) >= 1);
    free_all(NULL);
}

// What the kernel holds in core: half of a mapping that was touched, and whatever was carved.
static void
test_resident(void **state)
{
    size_t half = 20 * MIB;

    (void)state;
    pool_trim(0);
    pool_look_all();
    begin();
    uint64_t calls = before.process.os_calls;
    char *large = apex_malloc(2 * half);
    end();
    assert_true(after.process.os_calls > calls);
    assert_in_range(PROCESS(resident), 2 * half, 2 * half + 3 * MIB); // not looked at yet
    memset(large, 1, half);
    pool_look_all();
    end();
    assert_in_range(PROCESS(resident), half, half + 3 * MIB);
    large = apex_realloc(large, 3 * half);
    pool_look_all();
    end();
    assert_in_range(PROCESS(resident), half, half + 3 * MIB);
    allocate_all(1000);
    pool_look_all();
    end();
    assert_in_range(PROCESS(resident), half + OBJECTS * 1000, half + OBJECTS * 1100 + 3 * MIB);
    free_all(NULL);
    apex_free(large);
    heap_collect(heap_self.heap);
    pool_trim(0);
    stats_sum(&after);
    assert_in_range(PROCESS(resident) + MIB, 0, 3 * MIB); // without a look
    pool_look_all();
    end();
    assert_in_range(PROCESS(resident) + MIB, 0, 3 * MIB);
}

static void
test_slow_path(void **state)
{
    (void)state;
    begin();
    for (unsigned round = 0; round < 20; round++) {
        allocate_all(950);
        free_all(NULL);
    }
    end();
    assert_true(THREAD(slow_allocs) > 64);
    assert_true(THREAD(slow_ns) > 0);
    assert_int_equal(THREAD(slow_ns) % 64, 0);
    unsigned c = size_class_of(950);
    int64_t sampled = THREAD(sampled_requested) / 950;
    assert_true(sampled > 64 && sampled <= THREAD(slow_allocs));
    assert_int_equal(THREAD(sampled_requested), sampled * 950);
    assert_int_equal(THREAD(sampled_granted), sampled * size_classes[c].chunk_bytes);
}

static void
test_idle(void **state)
{
    (void)state;
    begin();
    assert_int_equal(before.threads.idle, 0);
    allocate_all(1000);
    free_all(NULL);
    heap_settle_all(heap_self.heap);
    stats_sum(&after);
    assert_in_range(THREAD(idle), 65536, IDLE_PART_MAX * 65536);
    assert_int_equal(THREAD(idle), heap_self.heap->idle.blocks * 65536);
    end();
    assert_int_equal(after.threads.idle, 0);
}

static sem_t ready;
static sem_t leave;

static void *
stay_main(void *argument)
{
    apex_free(apex_malloc(10));
    sem_post(&ready);
    while (sem_wait(&leave) != 0) {
    }
    return argument;
}

// Threads beyond the slots of the page are counted, and are still part of every sum.
static void
test_more_threads_than_slots(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    sem_init(&ready, 0, 0);
    sem_init(&leave, 0, 0);
    begin();
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, stay_main, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        while (sem_wait(&ready) != 0) {
        }
    }
    end();
    assert_int_equal(after.threads_live, before.threads_live + THREADS);
    assert_in_range(after.process.slotless_threads, THREADS - APEX_STATS_SLOTS, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        sem_post(&leave);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    end();
    assert_int_equal(after.threads_live, before.threads_live);
    assert_int_equal(after.process.slotless_threads, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_objects),
        cmocka_unit_test(test_large_objects),
        cmocka_unit_test(test_dirty_and_purged),
        cmocka_unit_test(test_remote_frees),
        cmocka_unit_test(test_resident),
        cmocka_unit_test(test_slow_path),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_more_threads_than_slots),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
