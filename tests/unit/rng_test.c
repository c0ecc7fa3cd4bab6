// SPDX-License-Identifier: MIT
//
// Unit test of base/rng.c: replay by seed, known values, no obvious bias.
// Reason: tests replay by seed, and keys of free lists come from here.

#include "base/rng.h"

#include "../support/unit.h"

static void
test_replay(void **state)
{
    struct rng a;
    struct rng b;
    struct rng c;

    (void)state;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    rng_seed(&c, 43);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t x = rng_next(&a);
        assert_true(x == rng_next(&b));
        assert_true(x != rng_next(&c));
    }
}

// The first output of xoshiro256** for the state 1, 2, 3, 4 is rotl(2 * 5, 7) * 9 = 11520; the next
// are 0 and 1509978240, as its authors' program gives them.
static void
test_known_values(void **state)
{
    struct rng rng = {.state = {1, 2, 3, 4}};

    (void)state;
    assert_true(rng_next(&rng) == 11520);
    assert_true(rng_next(&rng) == 0);
    assert_true(rng_next(&rng) == 1509978240);
}

static void
test_every_bit_moves(void **state)
{
    unsigned ones[64] = {0};
    struct rng rng;

    (void)state;
    rng_seed(&rng, 0); // the poorest seed
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t x = rng_next(&rng);
        for (unsigned bit = 0; bit < 64; bit++) {
            ones[bit] += x >> bit & 1;
        }
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_in_range(ones[bit], 4700, 5300); // six standard deviations
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_every_bit_moves),
    };

    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
