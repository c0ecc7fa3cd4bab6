// SPDX-License-Identifier: MIT
//
// Unit test of policy/heap.c: a heap of its own thread, its books; runs.
// Reason: what H1 to H7 say must hold after every kind of traffic.

#include "policy/heaps.h"

#include "apex.h"
#include "core/heapmap.h"
#include "policy/config.h"
#include "policy/pool.h"

#include "../support/nodes.h"
#include "../support/unit.h"

#include <semaphore.h>

#define OBJECTS 20000

static void *objects[OBJECTS];
static unsigned node_of_thread;

unsigned __wrap_os_numa_node(void);

unsigned
__wrap_os_numa_node(void)
{
    return node_of_thread;
}

static void
test_none_and_gone_are_empty(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CLASS_RUN; c++) {
        assert_null(heap_alloc((struct heap *)(uintptr_t)&heap_none, c));
        assert_null(heap_alloc((struct heap *)(uintptr_t)&heap_gone, c));
    }
}

static void
test_every_class(void **state)
{
    void *p[CLASS_COUNT];

    (void)state;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        p[c] = apex_malloc(size_classes[c].chunk_bytes);
        assert_non_null(p[c]);
        assert_int_equal(apex_malloc_usable_size(p[c]), size_classes[c].chunk_bytes);
        const struct block *b = block_head(geometry_descriptor(p[c]));
        assert_int_equal(b->size_class, c);
        assert_ptr_equal(b->owner, &heap_self.heap->owner);
        heap_audit(heap_self.heap);
    }
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        apex_free(p[c]);
    }
    heap_audit(heap_self.heap);
}

// Fills many blocks and empties them in three orders; every state a block can have is passed
// through.
static void
test_states(void **state)
{
    static const unsigned steps[] = {1, 7919, OBJECTS - 1};

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            objects[i] = apex_malloc(500);
            assert_non_null(objects[i]);
        }
        heap_audit(heap_self.heap);
        unsigned at = 0;
        for (unsigned i = 0; i < OBJECTS; i++) {
            apex_free(objects[at]);
            at = (at + steps[round]) % OBJECTS;
            if (i % 1000 == 0) {
                heap_audit(heap_self.heap);
            }
        }
    }
    heap_collect(heap_self.heap);
    heap_audit(heap_self.heap);
    struct apex_stats_thread sum;
    uint64_t live;
    heaps_stats_sum(&sum, &live);
    unsigned c = size_class_of(500);
    assert_int_equal(live, 1);
    assert_true(sum.class[c].live_gained - sum.class[c].live_lost < 10); // all of them are gone
    assert_true(sum.blocks_taken > 0 && sum.blocks_returned > 0);
    assert_true(sum.slow_allocs > 0 && sum.slow_frees > 0);
}

// Among the blocks that have room again the one that got it first is next.
static void
test_oldest_available_first(void **state)
{
    unsigned c = size_class_of(8192);
    unsigned capacity = size_classes[c].capacity;
    void *p[4 * 8];

    (void)state;
    assert_int_equal(capacity, 8);
    heap_collect(heap_self.heap); // no current block
    for (unsigned i = 0; i < 4 * capacity; i++) {
        p[i] = apex_malloc(8192);
    }
    // The fourth block is current; the first three are full, and wake in the order 1, 0, 2.
    apex_free(p[1 * capacity]);
    apex_free(p[0 * capacity]);
    apex_free(p[2 * capacity]);
    assert_ptr_equal(apex_malloc(8192), p[1 * capacity]);
    assert_ptr_equal(apex_malloc(8192), p[0 * capacity]);
    assert_ptr_equal(apex_malloc(8192), p[2 * capacity]);
    for (unsigned i = 0; i < 4 * capacity; i++) {
        apex_free(p[i]);
    }
    heap_audit(heap_self.heap);
}

// A chunk above 64 KiB has a run of its own. The thread keeps what it frees, up to a bound, and
// takes a run for a smaller request too.
static void
test_runs(void **state)
{
    struct apex_stats_process before;
    struct apex_stats_process after;

    (void)state;
    heap_collect(heap_self.heap);
    pool_stats(&before);
    for (size_t bytes = BLOCK_BYTES + 1; bytes <= CHUNK_BYTES_MAX; bytes += 40000) {
        char *p = apex_calloc(bytes, 1);
        assert_non_null(p);
        for (size_t i = 0; i < bytes; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 1, bytes);
        struct block *b = geometry_descriptor(p);
        assert_true(b->size_class >= size_class_of(bytes));
        assert_true(b->run_blocks * BLOCK_BYTES >= bytes);
        uintptr_t address = (uintptr_t)p;
        apex_free(p);
        p = apex_malloc(bytes);
        assert_int_equal((uintptr_t)p, address);
        apex_free(p);
        heap_audit(heap_self.heap);
        pool_stats(&after);
        assert_true(after.active - before.active <= (IDLE_PART_MAX + 16) * BLOCK_BYTES);
    }
    heap_collect(heap_self.heap); // nothing shorter is at hand
    void *p = apex_malloc(CHUNK_BYTES_MAX);
    uintptr_t address = (uintptr_t)p;
    apex_free(p);
    p = apex_malloc(CHUNK_BYTES_MAX / 2 + BLOCK_BYTES);
    assert_int_equal((uintptr_t)p, address);
    apex_free(p);
    heap_collect(heap_self.heap);
    pool_stats(&after);
    assert_int_equal(after.active, before.active);
}

// Who allocates and frees one run in turns writes to no word in the map, so that no other thread is
// disturbed: it stays shown as in use until a second one of its length is freed. Counted it is.
static void
test_one_run_in_turns(void **state)
{
    const struct apex_stats_class *counts =
        &heap_self.heap->stats.class[size_class_of(100000)];

    (void)state;
    heap_collect(heap_self.heap);
    void *p = apex_malloc(100000);
    struct block *b = geometry_descriptor(p);
    uint32_t shown = b->shown;
    for (unsigned i = 0; i < 1000; i++) {
        apex_free(p);
        assert_int_equal(block_state(b), BLOCK_IDLE);
        assert_int_equal(counts->live_gained, counts->live_lost);
        assert_int_equal(b->shown, shown);
        p = apex_malloc(100000);
        assert_ptr_equal(geometry_descriptor(p), b);
        assert_int_equal(b->shown, shown);
    }
    void *q = apex_malloc(100000);
    apex_free(p);
    assert_false(heapmap_shows_idle(b));
    apex_free(q);
    assert_true(heapmap_shows_idle(b));
    heap_audit(heap_self.heap);
    p = apex_malloc(100000);
    q = apex_malloc(100000);
    assert_int_equal(b->shown, shown);
    apex_free(q);
    apex_free(p);
    heap_collect(heap_self.heap);
}

// What is kept at hand is given up before a request fails.
static void
test_idle_yields_to_the_limit(void **state)
{
    struct apex_stats_process now;
    void *p[9]; // one of them stays current, the others make 1 MiB

    (void)state;
    heap_collect(heap_self.heap);
    for (unsigned i = 0; i < 9; i++) {
        p[i] = apex_malloc(2 * BLOCK_BYTES);
        assert_non_null(p[i]);
    }
    for (unsigned i = 0; i < 9; i++) {
        apex_free(p[i]);
    }
    pool_stats(&now);
    assert_true(config_tune("heap_limit", now.active));
    void *big = apex_malloc(CHUNK_BYTES_MAX);
    assert_non_null(big);
    assert_true(config_tune("heap_limit", 0));
    apex_free(big);
}

static void *
remote_main(void *argument)
{
    unsigned count = *(unsigned *)argument;

    for (unsigned i = 0; i < count; i++) {
        apex_free(objects[i]);
    }
    return NULL; // what is batched is delivered by the end of the thread
}

static void
test_remote_frees_come_home(void **state)
{
    struct apex_stats_thread before;
    struct apex_stats_thread after;
    uint64_t live;
    unsigned count = 5000;
    pthread_t thread;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        objects[i] = apex_malloc(64);
    }
    heaps_stats_sum(&before, &live);
    assert_int_equal(pthread_create(&thread, NULL, remote_main, &count), 0);
    pthread_join(thread, NULL);
    heap_collect(heap_self.heap);
    heap_audit(heap_self.heap);
    heaps_stats_sum(&after, &live);
    assert_int_equal(after.remote_sent - before.remote_sent, count);
    assert_int_equal(after.remote_received - before.remote_received, count);
    uint64_t batches = after.remote_batches - before.remote_batches;
    assert_in_range(batches, 1, count / 16); // 64 of them fill a batch
}

static sem_t made;
static sem_t wake;

static void *
wait_main(void *argument)
{
    for (unsigned i = 0; i < 10; i++) {
        objects[i] = apex_malloc(2000);
    }
    sem_post(&made);
    while (sem_wait(&wake) != 0) {
    }
    heap_collect(heap_self.heap);
    *(uint64_t *)argument = heap_self.heap->stats.remote_received;
    return NULL;
}

// A sender that read the owner just before the block changed hands puts it into the wrong inbox
// (R4). That happens once in a blue moon, so here it is made to happen.
static void
test_wrong_inbox_is_passed_on(void **state)
{
    uint64_t received = 0;
    pthread_t thread;

    (void)state;
    sem_init(&made, 0, 0);
    sem_init(&wake, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_main, &received), 0);
    while (sem_wait(&made) != 0) {
    }
    struct chunk *chunk = objects[3];
    struct block *b = block_head(geometry_descriptor(chunk));
    struct owner *owner = b->owner;
    assert_ptr_not_equal(owner, &heap_self.heap->owner);
    freelist_mark_free(chunk, b->key);
    store_relaxed(&b->owner, &heap_self.heap->owner);
    remote_deliver(b, chunk, chunk, 1);
    store_relaxed(&b->owner, owner);
    assert_ptr_equal(heap_self.heap->owner.inbox, b);
    heap_collect(heap_self.heap);
    assert_null(heap_self.heap->owner.inbox);
    assert_ptr_equal(owner->inbox, b);
    sem_post(&wake);
    pthread_join(thread, NULL);
    assert_int_equal(received, 1);
    for (unsigned i = 0; i < 10; i++) {
        if (i != 3) {
            apex_free(objects[i]);
        }
    }
}

static unsigned
home_of(const void *p)
{
    return pool_home_of(block_head(geometry_descriptor(p)));
}

static struct apex_stats_node
books_of(unsigned home)
{
    struct apex_stats_node node;

    pool_home_stats(home, &node);
    return node;
}

// Takes objects, a new block for each three, until one is of `home`. Returns how many.
static unsigned
take_until(unsigned home)
{
    unsigned count = 0;

    while (count < OBJECTS && (count == 0 || home_of(objects[count - 1]) != home)) {
        objects[count++] = apex_malloc(8 << 10);
        memset(objects[count - 1], 1, 8 << 10);
    }
    return count;
}

static void
free_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        apex_free(objects[i]);
    }
}

// After `numa_switch` refills on another node a thread has memory of that node, and what it leaves
// behind goes home: the rooms of its old blocks are not used again, nor are its idle blocks.
static void
test_moves(void **state)
{
    struct nodes nodes;

    (void)state;
    nodes_begin_two(&nodes);
    numa_start(nodes.root);
    node_of_thread = 0;
    void *old[256];
    for (unsigned i = 0; i < 256; i++) {
        old[i] = apex_malloc(8 << 10);
        assert_int_equal(home_of(old[i]), 0);
    }
    uint64_t switches = books_of(1).switches;
    node_of_thread = 1;
    unsigned count = take_until(1);
    assert_in_range(count, 2, OBJECTS - 1);
    assert_int_equal(books_of(1).switches, switches + 1);
    assert_int_equal(heap_self.heap->home, 1);
    assert_int_equal(heap_self.heap->stats.node, 1);
    uint64_t active = books_of(0).active;
    for (unsigned i = 0; i < 256; i++) {
        if (i % 16 != 0) {
            apex_free(old[i]); // what is left of its block has room now
        }
    }
    heap_audit(heap_self.heap);
    for (unsigned i = 0; i < 300; i++) {
        void *p = apex_malloc(8 << 10);
        assert_int_equal(home_of(p), 1);
        objects[count++] = p;
    }
    for (unsigned i = 0; i < 256; i += 16) {
        apex_free(old[i]);
    }
    free_all(count);
    heap_collect(heap_self.heap);
    heap_audit(heap_self.heap);
    pool_audit();
    assert_true(books_of(0).active < active);
    node_of_thread = 0;
    free_all(take_until(0)); // and back
    nodes_end(&nodes);
}

// A thread that is elsewhere for a moment stays with its home.
static void
test_hesitates(void **state)
{
    struct nodes nodes;
    uint64_t switches;

    (void)state;
    nodes_begin_two(&nodes);
    numa_start(nodes.root);
    node_of_thread = 0;
    free_all(take_until(0));
    switches = books_of(0).switches + books_of(1).switches;
    for (unsigned i = 0; i < 100; i++) {
        node_of_thread = i % 3 == 0; // one refill of three
        objects[i] = apex_malloc((1 << 20) - 64);
        assert_int_equal(home_of(objects[i]), 0);
    }
    assert_int_equal(books_of(0).switches + books_of(1).switches, switches);
    assert_true(books_of(0).refills_remote > 0);
    free_all(100);
    heap_collect(heap_self.heap); // what is at hand is no refill
    assert_true(config_tune("numa_switch", 1));
    node_of_thread = 1;
    objects[0] = apex_malloc((1 << 20) - 64);
    assert_int_equal(home_of(objects[0]), 1);
    apex_free(objects[0]);
    assert_true(config_tune("numa_switch", 3));
    node_of_thread = 0;
    free_all(take_until(0));
    nodes_end(&nodes);
}

static void *
free_main(void *count)
{
    node_of_thread = 1;
    apex_free(apex_malloc(100)); // it has a heap, which knows where it is
    free_all(*(unsigned *)count);
    return NULL;
}

// What is freed on another node than it is of goes home, and is counted.
static void
test_frees_of_another_node(void **state)
{
    unsigned count = 1000;
    struct nodes nodes;
    pthread_t thread;

    (void)state;
    nodes_begin_two(&nodes);
    numa_start(nodes.root);
    node_of_thread = 0;
    for (unsigned i = 0; i < count; i++) {
        objects[i] = apex_malloc(500);
        assert_int_equal(home_of(objects[i]), 0);
    }
    uint64_t same = books_of(0).frees_same;
    uint64_t cross = books_of(0).frees_cross;
    assert_int_equal(pthread_create(&thread, NULL, free_main, &count), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(books_of(0).frees_cross - cross, count);
    assert_int_equal(books_of(0).frees_same, same);
    node_of_thread = 0;
    heap_collect(heap_self.heap);
    nodes_end(&nodes);
}

// --- Housekeeping --------------------------------------------------------------------------------

#define SLOW_CALLS 16 // so many slow allocations of a thread have housekeeping among them

static unsigned looks;

static struct apex_stats_thread *
no_slot(unsigned index)
{
    (void)index;
    return NULL;
}

static void
look(void)
{
    looks++;
}

static void
nothing(void)
{
}

static void
not_crowded(struct heap *sleeper)
{
    (void)sleeper;
}

static void
assert_looked(void)
{
    assert_in_range(looks, 1, SLOW_CALLS);
    looks = 0;
}

// The last test: the hooks of the library are gone. However a thread leaves the fast path, what
// apexd advises is looked at within so many calls; see the head of heap.c for the rest of the rule.
static void
test_housekeeping(void **state)
{
    static const struct heap_hooks hooks = {no_slot, look, nothing, not_crowded};
    static void *small[BLOCK_BYTES / 500 * SLOW_CALLS];
    struct heap *heap = heap_self.heap;
    unsigned taken = 0;

    (void)state;
    heap_set_hooks(&hooks);
    for (unsigned i = 0; i < SLOW_CALLS; i++) {
        apex_free(apex_malloc(CHUNK_BYTES_MAX + 1)); // a large object
    }
    assert_looked();
    for (unsigned i = 0; i < SLOW_CALLS; i++) {
        void *run = apex_malloc(CHUNK_BYTES_MAX);
        assert_non_null(run);
        apex_free(run);
    }
    assert_looked();
    // Of these, as many are slow as there are blocks, at least.
    while (looks == 0 && taken < sizeof small / sizeof small[0]) {
        small[taken++] = apex_malloc(500);
    }
    assert_looked();
    while (taken > 0) {
        apex_free(small[--taken]);
    }
    // Once a thread is found to be slow seldom, each of its slow calls is one to look at.
    heap->ticked_ns = 1;
    for (unsigned i = 0; i < SLOW_CALLS && looks == 0; i++) {
        heap_tick(heap);
    }
    assert_looked();
    heap_tick(heap);
    assert_looked();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_and_gone_are_empty),
        cmocka_unit_test(test_every_class),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_oldest_available_first),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_one_run_in_turns),
        cmocka_unit_test(test_idle_yields_to_the_limit),
        cmocka_unit_test(test_remote_frees_come_home),
        cmocka_unit_test(test_wrong_inbox_is_passed_on),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_hesitates),
        cmocka_unit_test(test_frees_of_another_node),
        cmocka_unit_test(test_housekeeping),
    };

    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
