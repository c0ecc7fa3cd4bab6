// SPDX-License-Identifier: MIT
//
// Unit test of core/seal.c (hardened): an object goes through its life, and each byte around it
// that is changed meanwhile is noticed.
// Reason: what this file does not notice nobody notices.

#include "core/seal.h"

#include "../support/superblock.h"
#include "../support/unit.h"

#define CLASS 3 // chunks of 64 bytes: objects of up to 48

static struct block *b;
static struct rng rng;

static int
setup(void **state)
{
    static const uint64_t random[MAC_RANDOM_WORDS] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static char *superblock;

    (void)state;
    mac_start(random);
    rng_seed(&rng, 1);
    fault_set_report(true);
    if (superblock == NULL) {
        superblock = unit_superblock();
    }
    char *first = superblock + BLOCK_BYTES;
    b = geometry_descriptor(first);
    block_init(b, first, CLASS, 1, NULL, freelist_key(12345));
    return 0;
}

static struct chunk *
take(void)
{
    struct chunk *chunk = block_pop(b);

    if (chunk == NULL) {
        assert_true(block_carve(b, &rng));
        chunk = block_pop(b);
    }
    assert_non_null(chunk);
    return chunk;
}

static const struct seal_claim by_free = {.kind = SEAL_MALLOC, .size = SEAL_ANY_SIZE};

// What free does with a chunk whose header is sound.
static bool
opens(struct chunk *chunk, struct seal_claim claim)
{
    struct mac mac;

    assert_true(header_is_live(chunk, chunk->header, CLASS, &mac));
    if (!seal_is_intact(chunk, CLASS, mac, claim)) {
        seal_accuse(b, chunk, claim);
        return false;
    }
    if (!seal_open_short(chunk)) {
        seal_open(chunk);
    }
    return true;
}

static bool
is_live(const struct chunk *chunk)
{
    return !freelist_may_be_free(chunk, CLASS, &b->key);
}

static void
test_life(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 48; size++) {
        struct chunk *chunk = take();
        char *p = seal_close(b, chunk, size, SEAL_MALLOC);
        assert_int_equal((uintptr_t)p % ALIGN_BYTES, 0);
        assert_true(is_live(chunk));
        assert_int_equal(seal_size(chunk), size);
        memset(p, 0x5a, size);
        assert_true(opens(chunk, by_free));
        assert_false(is_live(chunk));
        assert_true(freelist_is_free(chunk, b->key));
        for (size_t i = 0; i < 64 - HEADER_BYTES; i++) {
            assert_int_equal(p[i], 0);
        }
        assert_true(seal_is_quarantined(chunk));
        block_push(b, chunk);
    }
}

// Every byte of header and canary, and every bit of it.
static void
test_each_bit_is_noticed(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        struct chunk *chunk = take();
        char *p = seal_close(b, chunk, 20, SEAL_MALLOC);
        p[-8 + (int)bit / 8] ^= (char)(1u << bit % 8);
        assert_false(is_live(chunk));
        assert_false(freelist_is_free(chunk, b->key));
        p[-8 + (int)bit / 8] ^= (char)(1u << bit % 8);
        assert_true(is_live(chunk));
        p[20 + bit / 8] ^= (char)(1u << bit % 8);
        assert_false(opens(chunk, by_free));
        p[20 + bit / 8] ^= (char)(1u << bit % 8);
        assert_true(opens(chunk, by_free));
        block_push(b, chunk);
    }
}

static void
test_write_to_free_is_noticed(void **state)
{
    (void)state;
    struct chunk *chunk = take();
    char *p = seal_close(b, chunk, 48, SEAL_MALLOC);
    assert_true(opens(chunk, by_free));
    block_push(b, chunk);
    p[40] = 1;
    assert_ptr_equal(take(), chunk);
    assert_ptr_equal(seal_close(b, chunk, 48, SEAL_MALLOC), p); // reported, and wiped
    assert_int_equal(p[40], 0);
    assert_true(opens(chunk, by_free));
    block_push(b, chunk);
}

// Memory that nobody has had: a pointer from before the block was given back may lead there.
static void
test_write_to_clean_is_noticed(void **state)
{
    uint64_t before = fault_count(FAULT_WRITE_AFTER_FREE);

    (void)state;
    b->clean = true;
    memset(b->base + HEADER_BYTES + 40, 1, 1); // the number of the chunk does not matter
    for (unsigned i = 0; i < 2 * CARVE_COUNT_MAX; i++) {
        char *p = seal_close(b, take(), 48, SEAL_MALLOC);
        assert_int_equal(p[40], 0);
    }
    assert_int_equal(fault_count(FAULT_WRITE_AFTER_FREE), before + 1);
}

// A header that says of its chunk that there is no need to look at it.
static void
test_made_up_header_is_not_believed(void **state)
{
    uint64_t before = fault_count(FAULT_WRITE_AFTER_FREE);

    (void)state;
    struct chunk *chunk = take();
    char *p = seal_close(b, chunk, 48, SEAL_MALLOC);
    assert_true(opens(chunk, by_free));
    block_push(b, chunk);
    chunk->header = (chunk->header & ~(uint64_t)(HEADER_KIND_MASK << HEADER_KIND_SHIFT)) |
                    (uint64_t)MEMORY_WIPE << HEADER_KIND_SHIFT;
    p[40] = 1;
    assert_ptr_equal(take(), chunk);
    assert_ptr_equal(seal_close(b, chunk, 48, SEAL_MALLOC), p);
    assert_int_equal(p[40], 0);
    assert_int_equal(fault_count(FAULT_WRITE_AFTER_FREE), before + 1);
}

// Also when more was pushed before anybody looked.
static void
test_broken_list_stays_broken(void **state)
{
    (void)state;
    struct chunk *first = take();
    struct chunk *second = take();
    seal_close(b, first, 48, SEAL_MALLOC);
    seal_close(b, second, 48, SEAL_MALLOC);
    assert_true(opens(first, by_free));
    block_push(b, first);
    first->header ^= 1u << HEADER_VALUE_SHIFT;
    assert_ptr_equal(take(), first);
    assert_true(block_corrupt(b));
    assert_true(opens(second, by_free));
    block_push(b, second);
    assert_ptr_equal(block_pop(b), second);
    assert_null(block_pop(b));
    assert_true(block_corrupt(b));
}

static void
test_reuse(void **state)
{
    (void)state;
    struct chunk *chunk = take();
    char *p = seal_close(b, chunk, 48, SEAL_MALLOC);
    memset(p, 1, 48);
    assert_true(opens(chunk, by_free));
    assert_ptr_equal(seal_reuse(chunk, CLASS, 20, SEAL_NEW), p);
    assert_true(is_live(chunk));
    assert_int_equal(seal_size(chunk), 20);
    assert_null(seal_reuse(chunk, CLASS, 20, SEAL_NEW)); // it is live
    assert_true(opens(chunk, (struct seal_claim){.kind = SEAL_NEW, .size = 20}));
    p[30] = 1;
    assert_ptr_equal(seal_reuse(chunk, CLASS, 48, SEAL_MALLOC), p); // reported, and wiped
    assert_int_equal(p[30], 0);
    assert_true(opens(chunk, by_free));
    p[-1] = 1;
    assert_null(seal_reuse(chunk, CLASS, 48, SEAL_MALLOC));
}

static void
test_claims(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < SEAL_KINDS; kind++) {
        struct chunk *chunk = take();
        seal_close(b, chunk, 30, (enum seal_kind)kind);
        for (unsigned other = 0; other < SEAL_KINDS; other++) {
            struct seal_claim claim = {.kind = (enum seal_kind)other, .size = 31};
            assert_false(opens(chunk, claim));
        }
        struct seal_claim claim = {.kind = (enum seal_kind)kind, .size = 30};
        assert_true(opens(chunk, claim));
        block_push(b, chunk);
    }
}

static void
test_resize(void **state)
{
    (void)state;
    struct chunk *chunk = take();
    char *p = seal_close(b, chunk, 40, SEAL_NEW);
    memset(p, 1, 40);
    seal_resize(b, chunk, 10);
    seal_resize(b, chunk, 48);
    for (unsigned i = 0; i < 48; i++) {
        assert_int_equal(p[i], i < 10);
    }
    assert_int_equal(seal_size(chunk), 48);
    assert_int_equal(seal_kind_of(chunk), SEAL_NEW);
    assert_true(opens(chunk, (struct seal_claim){.kind = SEAL_NEW, .size = 48}));
}

// From when the chunk was part of a block of another class.
static void
test_header_of_another_class(void **state)
{
    struct mac mac;

    (void)state;
    struct chunk *chunk = take();
    seal_close_ready(chunk, CLASS + 1, 64, SEAL_MALLOC);
    assert_true(header_is_live(chunk, chunk->header, CLASS + 1, &mac));
    assert_false(is_live(chunk));
}

static void
test_quarantined(void **state)
{
    (void)state;
    struct chunk *chunk = take();
    seal_close(b, chunk, 40, SEAL_MALLOC);
    assert_false(seal_is_quarantined(chunk)); // it never was freed
    assert_true(opens(chunk, by_free));
    chunk->header ^= 1;
    assert_false(seal_is_quarantined(chunk));
    chunk->header ^= 1;
    assert_true(seal_is_quarantined(chunk));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_life, setup),
        cmocka_unit_test_setup(test_each_bit_is_noticed, setup),
        cmocka_unit_test_setup(test_write_to_free_is_noticed, setup),
        cmocka_unit_test_setup(test_reuse, setup),
        cmocka_unit_test_setup(test_write_to_clean_is_noticed, setup),
        cmocka_unit_test_setup(test_made_up_header_is_not_believed, setup),
        cmocka_unit_test_setup(test_broken_list_stays_broken, setup),
        cmocka_unit_test_setup(test_claims, setup),
        cmocka_unit_test_setup(test_resize, setup),
        cmocka_unit_test_setup(test_header_of_another_class, setup),
        cmocka_unit_test_setup(test_quarantined, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
