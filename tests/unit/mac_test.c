// SPDX-License-Identifier: MIT
//
// Unit test of base/mac.c: each kind that this CPU has depends on each bit of its input, and on the
// keys.
// Reason: a checksum that does not see a bit lets an attacker change it.

#include "base/mac.h"

#include "base/rng.h"

#include "../support/unit.h"

static uint64_t random_words[MAC_RANDOM_WORDS];

static void
start(uint64_t seed)
{
    struct rng rng;

    rng_seed(&rng, seed);
    for (unsigned i = 0; i < MAC_RANDOM_WORDS; i++) {
        random_words[i] = rng_next(&rng);
    }
    mac_start(random_words);
}

static void
test_best_kind_is_taken(void **state)
{
    (void)state;
    start(1);
    assert_true(mac_kinds() >> mac_secret.kind & 1);
    assert_int_equal(mac_kinds() >> (mac_secret.kind + 1), 0);
}

// Each bit flipped changes about half of the 32 bits, on average over many inputs.
static void
test_each_bit_counts(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < MAC_KINDS; kind++) {
        if ((mac_kinds() >> kind & 1) == 0) {
            continue;
        }
        start(kind + 2);
        mac_secret.kind = (enum mac_kind)kind;
        for (unsigned bit = 0; bit < 128; bit++) {
            unsigned changed = 0;
            for (uint64_t i = 0; i < 256; i++) {
                uint64_t a = i * 16 + (UINT64_C(0x7f12) << 32);
                uint64_t b = i << 11 | 1;
                uint64_t a2 = bit < 64 ? a ^ UINT64_C(1) << bit : a;
                uint64_t b2 = bit < 64 ? b : b ^ UINT64_C(1) << (bit - 64);
                changed += (unsigned)__builtin_popcount(mac_of(a, b) ^ mac_of(a2, b2));
            }
            assert_in_range(changed, 256 * 8, 256 * 24);
        }
    }
}

static void
test_keys_count(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < MAC_KINDS; kind++) {
        if ((mac_kinds() >> kind & 1) == 0) {
            continue;
        }
        start(10);
        mac_secret.kind = (enum mac_kind)kind;
        uint32_t one = mac_of(4096, 5);
        assert_int_equal(mac_of(4096, 5), one);
        start(11);
        mac_secret.kind = (enum mac_kind)kind;
        assert_int_not_equal(mac_of(4096, 5), one);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best_kind_is_taken),
        cmocka_unit_test(test_each_bit_counts),
        cmocka_unit_test(test_keys_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
