// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/screen.c: which bytes are which key. Reason: terminals send several
// sequences for one key, a sequence may come in two parts, and none of it may become a command by
// mistake. What happens on a real terminal is in tests/daemon/top.sh.

#include "apexctl/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
test_keys(void **state)
{
    static const struct {
        const char *bytes;
        int key;
        size_t used;
    } cases[] = {
        {"q", 'q', 1},
        {"qq", 'q', 1},
        {"\r", SCREEN_ENTER, 1},
        {"\n", SCREEN_ENTER, 1},
        {"\b", SCREEN_BACKSPACE, 1},
        {"\x7f", SCREEN_BACKSPACE, 1},
        {"\xc3\xa4", 0xc3, 1},
        {"\033", SCREEN_ESCAPE, 1},
        {"\033q", SCREEN_ESCAPE, 1},
        {"\033\033[A", SCREEN_ESCAPE, 1},
        {"\033[A", SCREEN_UP, 3},
        {"\033OA", SCREEN_UP, 3},
        {"\033[Bq", SCREEN_DOWN, 3},
        {"\033[C", SCREEN_RIGHT, 3},
        {"\033[D", SCREEN_LEFT, 3},
        {"\033[1;5D", SCREEN_LEFT, 6},
        {"\033[H", SCREEN_HOME, 3},
        {"\033[1~", SCREEN_HOME, 4},
        {"\033[F", SCREEN_END, 3},
        {"\033[4~", SCREEN_END, 4},
        {"\033[5~", SCREEN_PAGE_UP, 4},
        {"\033[6;2~", SCREEN_PAGE_DOWN, 6},
        {"\033[15~q", SCREEN_NOTHING, 5},
        {"\033[200~q", SCREEN_NOTHING, 6},
        {"\033[99999999999999999999~", SCREEN_NOTHING, 23},
        {"\033[", SCREEN_NOTHING, 2},
        {"\033[5", SCREEN_NOTHING, 3},
        {"\033[Z", SCREEN_NOTHING, 3},
    };
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        used = 0;
        assert_int_equal(screen_decode(cases[i].bytes, strlen(cases[i].bytes), &used),
                         cases[i].key);
        assert_int_equal(used, cases[i].used);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
