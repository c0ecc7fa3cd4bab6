// SPDX-License-Identifier: MIT
//
// Unit test of core/remote.c: chains and inboxes, one thread first, then many at once.
// Reason: a chunk that is delivered twice is handed out twice; one that is not delivered is lost.

#include "core/remote.h"

#include "../support/superblock.h"
#include "../support/unit.h"

#include <stdatomic.h>

#define BLOCKS 4
#define CLASS 3 // 64 bytes: 1024 chunks
#define CAPACITY 1024

static char *space;          // a superblock from block 1 on
static struct block *blocks; // its descriptors
static struct owner owner;

static void
take_all(struct block *b, void **chunks)
{
    unsigned n = 0;

    while (n < CAPACITY) {
        void *p = block_pop(b);
        if (p != NULL) {
            chunks[n++] = p;
        } else {
            assert_true(block_carve(b, NULL));
        }
    }
}

static void *chunks[BLOCKS][CAPACITY];

static int
setup(void **state)
{
    (void)state;
    if (space == NULL) {
        space = unit_superblock() + BLOCK_BYTES;
        blocks = geometry_descriptor(space);
    }
    memset(blocks, 0, BLOCKS * sizeof *blocks);
    owner.inbox = NULL;
    for (unsigned i = 0; i < BLOCKS; i++) {
        block_init(&blocks[i], space + i * BLOCK_BYTES, CLASS, 1, &owner, freelist_key(i * 77 + 1));
        block_set_state(&blocks[i], BLOCK_CURRENT);
        block_set_used(&blocks[i], 0);
        take_all(&blocks[i], chunks[i]);
    }
    return 0;
}

static void
deliver_one(struct block *b, void *p)
{
    freelist_mark_free(p, b->key);
    remote_deliver(b, p, p, 1);
}

// What comes home in full is counted until the owner looks; what comes home in part is not.
static void
test_home_is_counted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAPACITY - 1; i++) {
        for (unsigned n = 0; n < 2; n++) {
            freelist_mark_free(chunks[n][i], blocks[n].key);
            assert_int_equal(remote_deliver(&blocks[n], chunks[n][i], chunks[n][i], 1), 0);
        }
    }
    for (unsigned n = 0; n < 2; n++) {
        struct chunk *last = chunks[n][CAPACITY - 1];
        freelist_mark_free(last, blocks[n].key);
        assert_int_equal(remote_deliver(&blocks[n], last, last, 1), n + 1);
    }
    remote_take_inbox(&owner);
    assert_int_equal(owner.home, 0);
}

static void
test_queued_once(void **state)
{
    (void)state;
    assert_false(remote_pending(&owner));
    deliver_one(&blocks[0], chunks[0][0]);
    assert_true(remote_pending(&owner));
    deliver_one(&blocks[0], chunks[0][1]);
    deliver_one(&blocks[0], chunks[0][2]);
    struct block *b = remote_take_inbox(&owner);
    assert_ptr_equal(b, &blocks[0]);
    assert_null(b->inbox_next);
    assert_false(remote_pending(&owner));
    struct remote_chain chain = remote_take_chain(b);
    assert_int_equal(chain.count, 3);
    assert_ptr_equal(chain.head, chunks[0][2]); // a stack
    assert_ptr_equal(chain.tail, chunks[0][0]);
    assert_ptr_equal(freelist_next(chain.head, b->key), chunks[0][1]);
    assert_true(b->remote == 0);
    deliver_one(&blocks[0], chunks[0][3]); // and it is queued again
    assert_ptr_equal(remote_take_inbox(&owner), &blocks[0]);
}

static void
test_chains_join(void **state)
{
    struct block *b = &blocks[1];
    struct chunk *first = chunks[1][0];
    struct chunk *second = chunks[1][1];

    (void)state;
    freelist_set_next(first, second, b->key);
    freelist_mark_free(first, b->key);
    freelist_mark_free(second, b->key);
    deliver_one(b, chunks[1][9]);
    remote_deliver(b, first, second, 2);
    struct remote_chain chain = remote_take_chain(remote_take_inbox(&owner));
    assert_int_equal(chain.count, 3);
    assert_ptr_equal(chain.head, first);
    assert_ptr_equal(chain.tail, chunks[1][9]);
    assert_ptr_equal(freelist_next(second, b->key), chunks[1][9]);
    assert_null(freelist_next(chunks[1][9], b->key));
}

static void
test_inbox_lists_all(void **state)
{
    unsigned seen = 0;

    (void)state;
    for (unsigned i = 0; i < BLOCKS; i++) {
        deliver_one(&blocks[i], chunks[i][0]);
    }
    for (struct block *b = remote_take_inbox(&owner); b != NULL; b = b->inbox_next) {
        seen |= 1u << (b - blocks);
    }
    assert_int_equal(seen, (1u << BLOCKS) - 1);
}

// A closed inbox sends the block to whoever owns it now.
static void *
late_main(void *argument)
{
    (void)argument;
    deliver_one(&blocks[0], chunks[0][0]);
    return NULL;
}

static void
test_closed_inbox(void **state)
{
    struct owner heir = {.inbox = NULL};
    pthread_t thread;

    (void)state;
    deliver_one(&blocks[1], chunks[1][0]);
    assert_ptr_equal(remote_close_inbox(&owner), &blocks[1]); // what was in it is handed over
    assert_int_equal(pthread_create(&thread, NULL, late_main, NULL), 0);
    usleep(5000); // the sender finds the inbox closed, or comes later: both must end well
    store_release(&blocks[0].owner, &heir);
    pthread_join(thread, NULL);
    assert_ptr_equal(heir.inbox, &blocks[0]);
    assert_ptr_equal(owner.inbox, INBOX_CLOSED);
}

#define SENDERS 4

static atomic_uint sent;

static void *
sender_main(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;

    for (unsigned k = self; k < CAPACITY; k += SENDERS) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            deliver_one(&blocks[i], chunks[i][k]);
            atomic_fetch_add(&sent, 1);
        }
    }
    return NULL;
}

// While four threads send every chunk of every block, the owner takes what comes: each exactly
// once.
static void
test_many_senders(void **state)
{
    static unsigned char seen[BLOCKS][CAPACITY];
    pthread_t threads[SENDERS];
    unsigned received = 0;

    (void)state;
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sender_main, (void *)(uintptr_t)i), 0);
    }
    while (received < BLOCKS * CAPACITY) {
        struct block *b = remote_take_inbox(&owner);
        while (b != NULL) {
            struct block *next = b->inbox_next;
            struct remote_chain chain = remote_take_chain(b);
            assert_true(chain.count > 0);
            for (unsigned i = 0; i < chain.count; i++) {
                assert_true(block_starts_chunk(b, chain.head));
                size_t index = (size_t)((char *)chain.head - b->base) / 64;
                assert_int_equal(seen[b - blocks][index]++, 0);
                chain.head = freelist_next(chain.head, b->key);
            }
            assert_null(chain.head);
            received += chain.count;
            b = next;
        }
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(received, atomic_load(&sent));
    assert_false(remote_pending(&owner));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_home_is_counted, setup),
        cmocka_unit_test_setup(test_queued_once, setup),
        cmocka_unit_test_setup(test_chains_join, setup),
        cmocka_unit_test_setup(test_inbox_lists_all, setup),
        cmocka_unit_test_setup(test_closed_inbox, setup),
        cmocka_unit_test_setup(test_many_senders, setup),
    };

    return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
