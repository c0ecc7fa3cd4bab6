// SPDX-License-Identifier: MIT
//
// Unit test of base/bits.h: each function against a slow definition of what it should give.
// Reason: off by one here is a crash far away.

#include "base/bits.h"

#include "../support/unit.h"

static void
test_pow2(void **state)
{
    (void)state;
    assert_false(bits_is_pow2(0));
    for (unsigned i = 0; i < 64; i++) {
        size_t x = (size_t)1 << i;
        assert_true(bits_is_pow2(x));
        assert_int_equal(bits_log2(x), i);
        assert_int_equal(bits_lowest(x), i);
        if (i > 1) {
            assert_false(bits_is_pow2(x - 1));
            assert_false(bits_is_pow2(x + 1));
            assert_int_equal(bits_log2(x - 1), i - 1);
            assert_int_equal(bits_log2(x + 1), i);
        }
    }
}

static void
test_align(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 64; align *= 2) {
        for (size_t x = 0; x < 200; x++) {
            assert_int_equal(bits_align_down(x, align), x / align * align);
            assert_int_equal(bits_align_up(x, align), (x + align - 1) / align * align);
        }
    }
}

static void
test_range(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 64; first++) {
        for (unsigned count = 0; first + count <= 64; count++) {
            uint64_t expected = 0;
            for (unsigned i = first; i < first + count; i++) {
                expected |= UINT64_C(1) << i;
            }
            assert_true(bits_range(first, count) == expected);
        }
    }
}

static int
slow_find_run(uint64_t set, unsigned count, unsigned from)
{
    for (unsigned i = from; i + count <= 64; i++) {
        if ((set & bits_range(i, count)) == bits_range(i, count)) {
            return (int)i;
        }
    }
    return from == 0 ? -1 : slow_find_run(set, count, 0);
}

static void
test_find_run(void **state)
{
    uint64_t set = 1;

    (void)state;
    assert_int_equal(bits_find_run(0, 1, 0), -1);
    assert_int_equal(bits_find_run(~UINT64_C(0), 64, 0), 0);
    for (unsigned round = 0; round < 5000; round++) {
        set = set * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t dense = set | set << 1 | set >> 3;
        for (unsigned count = 1; count <= 63; count++) {
            unsigned from = round % 64;
            assert_int_equal(bits_find_run(dense, count, 0), slow_find_run(dense, count, 0));
            assert_int_equal(bits_find_run(dense, count, from), slow_find_run(dense, count, from));
        }
    }
}

static void
test_count(void **state)
{
    uint64_t set = 1;

    (void)state;
    assert_int_equal(bits_count(0), 0);
    assert_int_equal(bits_count(~UINT64_C(0)), 64);
    for (unsigned round = 0; round < 5000; round++) {
        unsigned count = 0;
        set = set * UINT64_C(6364136223846793005) + 1442695040888963407;
        for (unsigned i = 0; i < 64; i++) {
            count += set >> i & 1;
        }
        assert_int_equal(bits_count(set), count);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pow2),
        cmocka_unit_test(test_align),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_find_run),
        cmocka_unit_test(test_count),
    };

    return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
