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

static unsigned
difference(uint64_t a, uint64_t b)
{
    return (unsigned)__builtin_popcountll(a ^ b);
}

// Each bit flipped changes about half of the 32 bits of a header's checksum, and half of the 64 of
// a canary, on average over many inputs.
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
            unsigned changed_second = 0;
            for (uint64_t i = 0; i < 256; i++) {
                uint64_t a = i * 16 + (UINT64_C(0x7f12) << 32);
                uint64_t b = i << 11 | 1;
                uint64_t a2 = bit < 64 ? a ^ UINT64_C(1) << bit : a;
                uint64_t b2 = bit < 64 ? b : b ^ UINT64_C(1) << (bit - 64);
                struct mac one = mac_of(a, b);
                struct mac other = mac_of(a2, b2);
                changed += difference((uint32_t)one.first, (uint32_t)other.first);
                changed_second += difference(one.second, other.second);
            }
            assert_in_range(changed, 256 * 8, 256 * 24);
            assert_in_range(changed_second, 256 * 16, 256 * 48);
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
        struct mac one = mac_of(4096, 5);
        assert_int_equal(mac_of(4096, 5).first, one.first);
        start(11);
        mac_secret.kind = (enum mac_kind)kind;
        assert_int_not_equal((uint32_t)mac_of(4096, 5).first, (uint32_t)one.first);
        assert_true(mac_of(4096, 5).second != one.second);
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
