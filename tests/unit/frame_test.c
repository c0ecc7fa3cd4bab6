// SPDX-License-Identifier: MIT
//
// Unit test of apexd/proto/frame.c: lines however the bytes are cut, and the limit. Reason: a line
// that is lost or joined to the next would be answered wrongly; one without end must not grow.

#include "apexd/proto/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static char storage[16];
static struct frame frame;

static int
setup(void **state)
{
    (void)state;
    frame_init(&frame, storage, sizeof storage);
    return 0;
}

// Feeds the text; it must fit.
static void
feed(const char *text)
{
    char *at;
    size_t length = strlen(text);

    assert_true(frame_space(&frame, &at) >= length);
    memcpy(at, text, length);
    frame_feed(&frame, length);
}

static void
expect_line(const char *wanted)
{
    char *line;
    size_t length;

    assert_int_equal(frame_next(&frame, &line, &length), FRAME_LINE);
    assert_string_equal(line, wanted);
    assert_int_equal(length, strlen(wanted));
}

static void
expect_nothing(enum frame_result wanted)
{
    char *line;
    size_t length;

    assert_int_equal(frame_next(&frame, &line, &length), wanted);
}

static void
test_whole_lines(void **state)
{
    (void)state;
    expect_nothing(FRAME_NONE);
    feed("one\ntwo\n\nx");
    expect_line("one");
    expect_line("two");
    expect_line("");
    expect_nothing(FRAME_NONE);
    assert_true(frame_partial(&frame));
    feed("y\n");
    expect_line("xy");
    assert_false(frame_partial(&frame));
}

static void
test_any_cut(void **state)
{
    static const char text[] = "ab\ncde\n\nf\n";

    (void)state;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        char first[sizeof text];
        unsigned lines = 0;
        char *line;
        size_t length;
        char all[sizeof text] = "";

        setup(NULL);
        memcpy(first, text, cut);
        first[cut] = '\0';
        for (unsigned part = 0; part < 2; part++) {
            feed(part == 0 ? first : text + cut);
            while (frame_next(&frame, &line, &length) == FRAME_LINE) {
                strcat(strcat(all, line), "|");
                lines++;
            }
        }
        assert_int_equal(lines, 4);
        assert_string_equal(all, "ab|cde||f|");
    }
}

static void
test_limit(void **state)
{
    char *at;

    (void)state;
    feed("123456789012345\n");
    expect_line("123456789012345");
    feed("1234567890123456");
    assert_int_equal(frame_space(&frame, &at), 0);
    expect_nothing(FRAME_TOO_LONG);
    expect_nothing(FRAME_TOO_LONG);
}

static void
test_limit_behind_a_line(void **state)
{
    char *at;

    (void)state;
    feed("a\n12345678901234");
    expect_line("a");
    expect_nothing(FRAME_NONE);
    assert_int_equal(frame_space(&frame, &at), 2);
    feed("56");
    expect_nothing(FRAME_TOO_LONG);
}

static void
test_nul_is_a_byte(void **state)
{
    char *at;
    char *line;
    size_t length;

    (void)state;
    assert_true(frame_space(&frame, &at) >= 4);
    memcpy(at, "a\0b\n", 4);
    frame_feed(&frame, 4);
    assert_int_equal(frame_next(&frame, &line, &length), FRAME_LINE);
    assert_int_equal(length, 3);
    assert_memory_equal(line, "a\0b", 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_whole_lines, setup),
        cmocka_unit_test_setup(test_any_cut, setup),
        cmocka_unit_test_setup(test_limit, setup),
        cmocka_unit_test_setup(test_limit_behind_a_line, setup),
        cmocka_unit_test_setup(test_nul_is_a_byte, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
