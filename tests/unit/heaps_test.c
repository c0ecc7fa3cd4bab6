// SPDX-License-Identifier: MIT
//
// Unit test of policy/heaps.c: heaps that end and are used again, what they leave behind, sleepers.
// Reason: a heap outlives its thread in three ways, as orphaned blocks, as counters, and as an
// empty heap for the next thread; none of them may get lost.

#include "policy/heaps.h"

#include "apex.h"
#include "policy/orphan.h"
#include "policy/pool.h"

#include "../support/expect.h"
#include "../support/unit.h"

#include <semaphore.h>
#include <sys/wait.h>

#define OBJECTS 1000

static void *objects[OBJECTS];

static void *
heap_of_thread(void *argument)
{
    (void)argument;
    apex_free(apex_malloc(1));
    return heap_self.heap;
}

static void
test_an_exited_threads_heap_serves_the_next(void **state)
{
    void *first;
    void *second;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, heap_of_thread, NULL), 0);
    pthread_join(thread, &first);
    assert_int_equal(pthread_create(&thread, NULL, heap_of_thread, NULL), 0);
    pthread_join(thread, &second);
    assert_ptr_equal(first, second);
    assert_ptr_equal(((struct heap *)first)->owner.inbox, INBOX_CLOSED);
}

static pthread_key_t last_words;

// In each round of destructors, so that the last heap of the thread is opened after the last that
// closes one.
static void
allocate_and_come_again(void *object)
{
    memset(object, 7, 100);
    apex_free(object);
    pthread_setspecific(last_words, apex_malloc(100));
}

static void *
allocate_to_the_end(void *argument)
{
    pthread_setspecific(last_words, apex_malloc(100));
    return argument;
}

static void
run_to_the_end(unsigned threads)
{
    for (unsigned i = 0; i < threads; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, allocate_to_the_end, NULL), 0);
        pthread_join(thread, NULL);
    }
}

static void
test_a_heap_left_open_serves_the_next(void **state)
{
    struct apex_stats before = {.size_bytes = sizeof before};
    struct apex_stats after = {.size_bytes = sizeof after};
    struct apex_stats_process p;

    (void)state;
    if (UNDER_TSAN) {
        skip(); // it takes a thread for ended before the last of its destructors has run
    }
    assert_int_equal(pthread_key_create(&last_words, allocate_and_come_again), 0);
    run_to_the_end(150); // there are no other heaps left to take
    apex_stats_get(&before);
    run_to_the_end(150);
    apex_stats_get(&after);
    // The kernel may need a moment to forget a thread that has been joined.
    assert_in_range(after.threads_count, before.threads_count, before.threads_count + 20);
    pool_stats(&p);
    assert_int_equal(p.threads_started - p.threads_exited, after.threads_count);
}

// After the test above, which leaves a heap open.
static void
test_the_child_of_a_bare_fork_takes_no_heap(void **state)
{
    struct apex_stats before = {.size_bytes = sizeof before};
    struct apex_stats after = {.size_bytes = sizeof after};
    int status;

    (void)state;
    apex_stats_get(&before);
    pid_t child = _Fork();
    if (child == 0) {
        heap_self.heap = NULL;
        heaps_open();
        apex_stats_get(&after);
        _exit(after.threads_count == before.threads_count + 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
test_the_child_of_a_fork_has_another_thread(void **state)
{
    int status;

    (void)state;
    apex_free(apex_malloc(1));
    pid_t child = fork();
    if (child == 0) {
        _exit(heap_self.heap->stats.tid == (uint32_t)getpid() ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void *
leave_main(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 1000; i++) {
        objects[i] = apex_malloc(1000);
    }
    return heap_self.heap;
}

static void
test_orphans(void **state)
{
    struct apex_stats_process p;
    void *left_by;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, leave_main, NULL), 0);
    pthread_join(thread, &left_by);
    assert_ptr_not_equal(left_by, heap_self.heap);
    pool_stats(&p);
    uint64_t orphans = p.orphan_blocks;
    assert_true(orphans >= 10);
    assert_true(p.threads_exited >= 1);
    const struct block *b = geometry_descriptor(objects[0]);
    assert_true(orphan_is_owner(b->owner));
    // Room in them is used before new blocks are taken, and they change hands.
    for (unsigned i = 0; i < 1000; i += 2) {
        apex_free(objects[i]);
    }
    heap_collect(heap_self.heap);
    for (unsigned i = 0; i < 1000; i += 2) {
        objects[i] = apex_malloc(1000);
    }
    pool_stats(&p);
    assert_true(p.orphan_blocks < orphans);
    struct apex_stats_thread sum;
    uint64_t live;
    heaps_stats_sum(&sum, &live);
    assert_true(sum.blocks_adopted > 0);
    for (unsigned i = 0; i < 1000; i++) {
        apex_free(objects[i]);
    }
    heap_collect(heap_self.heap);
    heap_audit(heap_self.heap);
    pool_stats(&p);
    assert_int_equal(p.orphan_blocks, 0); // the last free sends an orphan home
}

static pthread_barrier_t barrier;

static void *
sleeper_main(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = apex_malloc(1000);
    }
    pthread_barrier_wait(&barrier); // all made
    pthread_barrier_wait(&barrier); // all freed and swept
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = apex_malloc(1000);
        memset(objects[i], 1, 1000);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    heap_audit(heap_self.heap);
    return NULL;
}

// The pages go at once, the blocks when their owner looks; it finds them as new.
static void
test_the_sweep_gives_back_what_a_sleeper_got(void **state)
{
    struct apex_stats_process before;
    struct apex_stats_process after;
    pthread_t thread;

    (void)state;
    pthread_barrier_init(&barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, sleeper_main, NULL), 0);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    heap_collect(heap_self.heap);
    pool_stats(&before);
    heaps_sweep(0);
    pool_stats(&after);
    assert_true(after.purged - before.purged >= 10 * BLOCK_BYTES);
    heaps_sweep(0);
    pool_stats(&before);
    assert_int_equal(before.purged, after.purged); // nothing twice
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
}

static void *
crowder_main(void *argument)
{
    (void)argument;
    apex_free(apex_malloc(1)); // a heap more, and each one's part is set anew
    heap_home_part = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    return NULL; // what is batched goes out as its heap closes
}

// Whoever brings home more than a sleeper's part gives the pages back, calls nothing else, and may
// be about to exit.
static void
test_who_crowds_a_sleeper_sweeps_it(void **state)
{
    struct apex_stats_process before;
    struct apex_stats_process after;
    pthread_t thread;
    pthread_t crowder;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, sleeper_main, NULL), 0);
    pthread_barrier_wait(&barrier);
    pool_stats(&before);
    uint32_t part = heap_home_part;
    assert_int_equal(pthread_create(&crowder, NULL, crowder_main, NULL), 0);
    pthread_join(crowder, NULL);
    heap_home_part = part;
    pool_stats(&after);
    assert_true(after.purged - before.purged >= 10 * BLOCK_BYTES);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
}

static sem_t all_there;
static sem_t may_go;

static void *
part_main(void *argument)
{
    apex_free(apex_malloc(1));
    sem_post(&all_there);
    while (sem_wait(&may_go) != 0) {
    }
    return argument;
}

// What threads may keep is divided between them.
static void
test_the_idle_part_shrinks_with_threads(void **state)
{
    pthread_t threads[100];

    (void)state;
    sem_init(&all_there, 0, 0);
    sem_init(&may_go, 0, 0);
    assert_int_equal(heap_idle_part, IDLE_PART_MAX);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, part_main, NULL), 0);
        while (sem_wait(&all_there) != 0) {
        }
        unsigned part = IDLE_TOTAL / (i + 2); // the main thread has one, too
        part = part > IDLE_PART_MAX ? IDLE_PART_MAX : part < IDLE_PART_MIN ? IDLE_PART_MIN : part;
        assert_int_equal(heap_idle_part, part);
    }
    for (unsigned i = 0; i < 100; i++) {
        sem_post(&may_go);
    }
    for (unsigned i = 0; i < 100; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(heap_idle_part, IDLE_PART_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_exited_threads_heap_serves_the_next),
        cmocka_unit_test(test_the_child_of_a_fork_has_another_thread),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_the_sweep_gives_back_what_a_sleeper_got),
        cmocka_unit_test(test_who_crowds_a_sleeper_sweeps_it),
        cmocka_unit_test(test_the_idle_part_shrinks_with_threads),
        cmocka_unit_test(test_a_heap_left_open_serves_the_next), // leaves one
        cmocka_unit_test(test_the_child_of_a_bare_fork_takes_no_heap),
    };

    return cmocka_run_group_tests_name("heaps", tests, NULL, NULL);
}
