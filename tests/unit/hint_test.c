// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/hint.c: distances that can be counted by hand, and which words are near
// enough. Reason: a hint that is wrong is worse than none.

#include "apexctl/hint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void
test_distance(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        unsigned wanted;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"stats", "stats", 0},
        {"stast", "stats", 1}, // two letters have changed places
        {"stat", "stats", 1},
        {"sttas", "stats", 1},
        {"top", "map", 2},
        {"kitten", "sitting", 3},
        {"ca", "abc", 3}, // a pair that was swapped is not edited again
        {"0123456789012345678901234567890123456789", "0123456789012345678901234567890XYZ", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(hint_distance(cases[i].a, cases[i].b), cases[i].wanted);
        assert_int_equal(hint_distance(cases[i].b, cases[i].a), cases[i].wanted);
    }
}

static void
test_nearest(void **state)
{
    static const char *const words[] = {"run", "stats", NULL, "processes", "topology", "top"};
    static const struct {
        const char *word;
        const char *wanted;
    } cases[] = {
        {"stat", "stats"},        {"tpo", "top"},        {"processs", "processes"},
        {"topolgoy", "topology"}, {"proc", "processes"}, {"rnu", "run"},
    };
    static const char *const strange[] = {"", "x", "help", "qqqqq", "list", "o"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(hint_nearest(cases[i].word, words, 6), cases[i].wanted);
    }
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_null(hint_nearest(strange[i], words, 6));
    }
    assert_null(hint_nearest("run", NULL, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
