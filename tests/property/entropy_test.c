// SPDX-License-Identifier: MIT
//
// The randomness that docs/SECURITY.md promises for the hardened library, counted: where in a
// stretch of a block the next chunk lies, how many frees a chunk waits, and how many values
// canaries and checksums take. Each count is compared with what chance would give, by chi-square;
// the bound is exceeded by a sound generator once in 10^9 seeds, and the seed is fixed.
// Reason: a generator that is used wrongly looks as random as one that is used right.

#include "core/seal.h"
#include "policy/quarantine.h"

#include "../support/superblock.h"
#include "../support/unit.h"

#define ROUNDS 40000u

static struct block *b;
static struct rng rng;

static void
make(unsigned c)
{
    static char *superblock;
    static const uint64_t random[MAC_RANDOM_WORDS] = {11, 22, 33, 44, 55, 66, 77, 88, 99};

    if (superblock == NULL) {
        superblock = unit_superblock();
        mac_start(random);
        rng_seed(&rng, 2026);
    }
    char *first = superblock + BLOCK_BYTES;
    b = geometry_descriptor(first);
    block_init(b, first, c, size_classes[c].run_blocks, NULL, freelist_key(rng_next(&rng)));
}

static void
assert_uniform(const unsigned *counts, unsigned places, double bound)
{
    double sum = 0;
    double squares = 0;

    for (unsigned i = 0; i < places; i++) {
        sum += counts[i];
    }
    for (unsigned i = 0; i < places; i++) {
        double difference = counts[i] - sum / places;
        squares += difference * difference / (sum / places);
    }
    assert_true(squares < bound);
    assert_true(squares > 0); // not even chance is that even
}

// Chi-square with 7, 31 (or 30) and 63 degrees of freedom exceeds these with chance 10^-9 (by the
// approximation of Wilson and Hilferty, at six standard deviations).
#define BOUND_8 59.2
#define BOUND_32 104.8
#define BOUND_64 156.0

static void
count_first_places(size_t bytes, unsigned places, double bound)
{
    unsigned counts[CARVE_COUNT_MAX] = {0};
    unsigned c = size_class_of(bytes);

    assert_int_equal(size_classes[c].carve_count, places);
    make(c);
    for (unsigned i = 0; i < ROUNDS; i++) {
        block_set_used(b, 0);
        block_uncarve(b);
        assert_true(block_carve(b, &rng));
        counts[block_chunk_index(b, b->free)]++;
    }
    assert_uniform(counts, places, bound);
}

static void
test_order_of_chunks(void **state)
{
    (void)state;
    count_first_places(32, 32, BOUND_32);
    count_first_places(4096, 8, BOUND_8);
}

// The second chunk, given the first, is uniform as well: not one of a few orders.
static void
test_order_has_no_pattern(void **state)
{
    unsigned counts[CARVE_COUNT_MAX] = {0};

    (void)state;
    make(size_class_of(32));
    for (unsigned i = 0; i < ROUNDS; i++) {
        block_set_used(b, 0);
        block_uncarve(b);
        assert_true(block_carve(b, &rng));
        unsigned first = (unsigned)block_chunk_index(b, b->free);
        unsigned second = (unsigned)block_chunk_index(b, freelist_next(b->free, b->key));
        counts[(second + 32 - first) % 32]++;
    }
    assert_int_equal(counts[0], 0);
    assert_uniform(counts + 1, 31, BOUND_32);
}

// Which of the chunks that wait an allocation gets.
static void
test_choice_of_quarantine(void **state)
{
    struct dice dice;
    unsigned counts[PEN_SLOTS] = {0};

    (void)state;
    dice_seed(&dice, &rng);
    for (unsigned i = 0; i < ROUNDS; i++) {
        counts[dice_below(&dice, PEN_SLOTS)]++;
    }
    assert_uniform(counts, PEN_SLOTS, BOUND_32);
}

// 4096 random values of 32 bits are all different with chance 0.998; of 63 bits, with certainty.
static void
test_values_differ(void **state)
{
    static uint64_t canaries[4096];
    unsigned top[64] = {0};

    (void)state;
    make(size_class_of(16));
    for (unsigned i = 0; i < 4096; i++) {
        struct mac mac = mac_of((uintptr_t)b->base + (size_t)(i % 1024) * 32, i);
        canaries[i] = seal_canary(mac);
        assert_int_not_equal(canaries[i] & 255, 0);
        for (unsigned j = 0; j < i; j++) {
            assert_true(canaries[j] != canaries[i]);
        }
        top[(uint32_t)mac.first >> 26]++;
    }
    assert_uniform(top, 64, BOUND_64);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_chunks),
        cmocka_unit_test(test_order_has_no_pattern),
        cmocka_unit_test(test_choice_of_quarantine),
        cmocka_unit_test(test_values_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
