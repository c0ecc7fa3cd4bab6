// SPDX-License-Identifier: MIT
//
// Unit test of core/block.c: carving, popping, pushing, the events of each state, receiving.
// Reason: the counting of credit and floor decides when a block is looked at again; one off, and it
// is lost or given away while it is in use.

#include "core/block.h"

#include "../support/superblock.h"
#include "../support/unit.h"

#define CLASS 7 // 128 bytes

static char *space;         // block 1 of a superblock
static struct block *block; // its descriptor
static void *chunks[4096];

static int
setup(void **state)
{
    (void)state;
    space = space != NULL ? space : unit_superblock() + BLOCK_BYTES;
    block = unit_block(space, CLASS);
    return 0;
}

// Pops all that is carved and can be carved; returns how many.
static unsigned
pop_all(void)
{
    unsigned n = 0;

    for (;;) {
        void *p = block_pop(block);
        if (p != NULL) {
            chunks[n++] = p;
        } else if (!block_carve(block, NULL)) {
            return n;
        }
        block_audit(block);
    }
}

static void
test_carve_and_pop(void **state)
{
    (void)state;
    assert_null(block_pop(block)); // nothing has been cut
    assert_false(block_corrupt(block));
    unsigned n = pop_all();
    assert_int_equal(n, block->capacity);
    assert_int_equal(n, 512);
    assert_int_equal(block_used(block), n);
    for (unsigned i = 0; i < n; i++) {
        assert_ptr_equal(chunks[i], space + i * 128); // walks forward
        assert_true(block_starts_chunk(block, chunks[i]));
        assert_false(freelist_is_free(chunks[i], block->key));
    }
}

static void
test_lazy(void **state)
{
    (void)state;
    assert_true(block_carve(block, NULL));
    assert_int_equal(block->carved, 8); // 1 KiB
    assert_true(block_starts_chunk(block, space + 7 * 128));
    assert_false(block_starts_chunk(block, space + 8 * 128));
}

// What is pushed last comes first, and the current block asks for no event however many come.
static void
test_push(void **state)
{
    unsigned n = pop_all();

    (void)state;
    for (unsigned i = 0; i < n; i++) {
        assert_false(block_push(block, chunks[i]));
        assert_true(freelist_is_free(chunks[i], block->key));
        assert_int_equal(block_used(block), n - 1 - i);
    }
    block_audit(block);
    for (unsigned i = n; i > 0; i--) {
        assert_ptr_equal(block_pop(block), chunks[i - 1]);
    }
}

static void
test_event_of_full(void **state)
{
    unsigned n = pop_all();

    (void)state;
    block_set_state(block, BLOCK_FULL);
    block_set_used(block, n);
    assert_int_equal(block_used(block), n);
    for (unsigned i = 0; i < 15; i++) {
        assert_false(block_push(block, chunks[i]));
        assert_false(block_has_room(block)); // not for so few
    }
    assert_true(block_push(block, chunks[15]));
    assert_true(block_has_room(block));
    assert_int_equal(block_used(block), n - 16);
}

// Of chunks so large that an eighth of the block is less than one, each is worth a return.
static void
test_event_of_full_large(void **state)
{
    struct block *large = geometry_descriptor(space + BLOCK_BYTES);
    unsigned n = 0;

    (void)state;
    block_init(large, space + BLOCK_BYTES, size_class_of(8192), 1, block->owner, block->key);
    assert_true(large->chunk_bytes == 8192 && large->capacity == 8);
    while (block_carve(large, NULL)) {
        chunks[n++] = block_pop(large);
    }
    block_set_state(large, BLOCK_FULL);
    block_set_used(large, n);
    assert_false(block_has_room(large));
    assert_true(block_push(large, chunks[0]));
    assert_true(block_has_room(large));
}

// An AVAILABLE block asks for attention after an eighth of its capacity, and when it becomes empty.
static void
test_events_of_available(void **state)
{
    unsigned n = pop_all();
    unsigned pushed = 0;
    unsigned events = 0;
    unsigned since = 0;

    (void)state;
    block_set_state(block, BLOCK_AVAILABLE);
    block_set_used(block, n);
    while (pushed < n) {
        bool event = block_push(block, chunks[pushed++]);
        since++;
        assert_int_equal(block_used(block), n - pushed);
        if (event) {
            assert_true(since == n / 8 || pushed == n);
            events++;
            since = 0;
            block_set_used(block, block_used(block));
        }
    }
    assert_int_equal(since, 0); // the last one raised an event: the block is seen empty
    assert_int_equal(events, 8);
}

static void
test_corrupt_link(void **state)
{
    (void)state;
    assert_true(block_carve(block, NULL));
    void *p = block_pop(block);
    block_push(block, p);
    memset(p, 0x41, 8);
    assert_ptr_equal(block_pop(block), p); // the chunk itself is ours; its link is not
    assert_null(block_pop(block));
    assert_true(block_corrupt(block));
}

// Receives the chunks first, first + 1, … as a chain, as a sender makes it.
static void
receive(unsigned first, unsigned count)
{
    struct chunk *next = NULL;

    for (unsigned i = first + count; i > first; i--) {
        freelist_set_next(chunks[i - 1], next, block->key);
        freelist_mark_free(chunks[i - 1], block->key);
        next = chunks[i - 1];
    }
    block_receive(block, chunks[first], chunks[first + count - 1], count);
}

static void
test_receive(void **state)
{
    unsigned n = pop_all();

    (void)state;
    receive(0, 10); // into an empty list
    assert_int_equal(block_used(block), n - 10);
    receive(10, 5); // in front of ten others
    assert_int_equal(block_used(block), n - 15);
    receive(15, 1);
    block_audit(block);
    for (unsigned i = 0; i < 16; i++) {
        assert_non_null(block_pop(block));
    }
    assert_null(block_pop(block));
    assert_false(block_corrupt(block));
    assert_int_equal(block_used(block), n);
}

// A link in the chain was overwritten: the pop that would follow it does not.
static void
test_receive_corrupt(void **state)
{
    (void)state;
    pop_all();
    receive(0, 3);
    receive(3, 10);
    memset(chunks[7], 0x42, 8);
    for (unsigned i = 3; i <= 7; i++) {
        assert_ptr_equal(block_pop(block), chunks[i]);
    }
    assert_null(block_pop(block));
    assert_true(block_corrupt(block));
}

static void
test_head_of_a_run(void **state)
{
    struct block run[4];

    (void)state;
    memset(run, 0, sizeof run);
    for (unsigned i = 1; i < 4; i++) {
        block_set_tail(&run[i], i);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(block_head(&run[i]), &run[0]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_carve_and_pop, setup),
        cmocka_unit_test_setup(test_lazy, setup),
        cmocka_unit_test_setup(test_push, setup),
        cmocka_unit_test_setup(test_event_of_full, setup),
        cmocka_unit_test_setup(test_event_of_full_large, setup),
        cmocka_unit_test_setup(test_events_of_available, setup),
        cmocka_unit_test_setup(test_corrupt_link, setup),
        cmocka_unit_test_setup(test_receive, setup),
        cmocka_unit_test_setup(test_receive_corrupt, setup),
        cmocka_unit_test_setup(test_head_of_a_run, setup),
    };

    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
