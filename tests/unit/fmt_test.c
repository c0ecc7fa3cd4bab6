// SPDX-License-Identifier: MIT
//
// Unit test of base/fmt.c: numbers, text, and above all what happens at the end of the buffer.
// Reason: it runs when the heap is broken, on the stack; an overflow there would end the last
// words.

#include "base/fmt.h"

#include "../support/unit.h"

static void
test_text_and_numbers(void **state)
{
    char text[128];
    struct fmt f;

    (void)state;
    fmt_init(&f, text, sizeof text);
    assert_string_equal(text, "");
    fmt_str(&f, "a ");
    fmt_dec(&f, 0);
    fmt_str(&f, " ");
    fmt_dec(&f, UINT64_MAX);
    fmt_str(&f, " ");
    fmt_hex(&f, 0);
    fmt_str(&f, " ");
    fmt_hex(&f, UINT64_C(0xfedcba9876543210));
    assert_string_equal(text, "a 0 18446744073709551615 0x0 0xfedcba9876543210");
    assert_int_equal(f.length, strlen(text));
}

static void
test_cut_off(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity < 12; capacity++) {
        char text[16];
        struct fmt f;

        memset(text, '#', sizeof text);
        fmt_init(&f, text, capacity);
        fmt_str(&f, "123");
        fmt_dec(&f, 45678);
        fmt_str(&f, "90");
        assert_memory_equal(text, "1234567890", capacity - 1 < 10 ? capacity - 1 : 10);
        assert_int_equal(text[capacity - 1 < 10 ? capacity - 1 : 10], '\0');
        assert_int_equal(text[capacity < 11 ? capacity : 11], '#');
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_numbers),
        cmocka_unit_test(test_cut_off),
    };

    return cmocka_run_group_tests_name("fmt", tests, NULL, NULL);
}
