// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/top_ui.c: what each key does, and that lines fit any screen. Reason: a
// terminal may have one row or five columns, and a process any name.

#include "apexctl/top_ui.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 40
#define ROWS 24

static struct screen_line line[SCREEN_ROWS_MAX];

// Processes 100, 101, …, of which each later one has allocated less, without those from `gone` on.
static void
feed(struct top_ui *ui, unsigned from, unsigned to)
{
    cJSON *result = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(result, "processes");
    char key[32];

    for (unsigned i = from; i < to; i++) {
        cJSON *process = cJSON_CreateObject();
        snprintf(key, sizeof key, "%u:1", 100 + i);
        cJSON_AddStringToObject(process, "key", key);
        cJSON_AddNumberToObject(process, "pid", 100 + i);
        cJSON_AddStringToObject(process, "comm", i % 2 == 0 ? "even" : "odd\033[31m\xc3\xa4");
        cJSON *heap = cJSON_AddObjectToObject(process, "heap");
        cJSON_AddNumberToObject(heap, "allocated_bytes", (1000 - i) * 1024);
        cJSON_AddItemToArray(list, process);
    }
    assert_true(top_ui_update(ui, result));
    cJSON_Delete(result);
}

static void
draw(struct top_ui *ui, unsigned columns, unsigned rows)
{
    memset(line, 0, sizeof line);
    top_ui_draw(ui, "12:34:56", columns, rows, line);
}

// The line that is selected; fails when there is not exactly one.
static const char *
selected(unsigned rows)
{
    const char *found = NULL;

    for (unsigned i = 0; i < rows; i++) {
        if (line[i].style == SCREEN_SELECTED) {
            assert_null(found);
            found = line[i].text;
        }
    }
    assert_non_null(found);
    return found;
}

static void
expect_selected(struct top_ui *ui, const char *pid)
{
    draw(ui, 100, ROWS);
    const char *text = selected(ROWS);
    if (strncmp(text + strspn(text, " "), pid, strlen(pid)) != 0) {
        fail_msg("selected is '%s', not %s", text, pid);
    }
}

static void
start(struct top_ui *ui)
{
    top_ui_init(ui);
    feed(ui, 0, PROCESSES);
}

static void
test_moves(void **state)
{
    struct top_ui ui;

    (void)state;
    start(&ui);
    expect_selected(&ui, "100");
    top_ui_key(&ui, SCREEN_UP, ROWS);
    expect_selected(&ui, "100");
    top_ui_key(&ui, SCREEN_DOWN, ROWS);
    top_ui_key(&ui, 'j', ROWS);
    expect_selected(&ui, "102");
    top_ui_key(&ui, SCREEN_PAGE_DOWN, ROWS);
    expect_selected(&ui, "119");
    top_ui_key(&ui, SCREEN_END, ROWS);
    expect_selected(&ui, "139");
    top_ui_key(&ui, SCREEN_DOWN, ROWS);
    expect_selected(&ui, "139");
    top_ui_key(&ui, SCREEN_PAGE_UP, ROWS);
    expect_selected(&ui, "122");
    feed(&ui, 20, PROCESSES); // those above have gone: the same process stays selected
    expect_selected(&ui, "122");
    feed(&ui, 30, PROCESSES);
    draw(&ui, 100, ROWS);
    (void)selected(ROWS);
    top_ui_key(&ui, SCREEN_HOME, ROWS);
    expect_selected(&ui, "130");
    top_ui_free(&ui);
}

static void
test_order(void **state)
{
    struct top_ui ui;

    (void)state;
    start(&ui);
    top_ui_key(&ui, 'P', ROWS);
    expect_selected(&ui, "100");
    top_ui_key(&ui, 'r', ROWS);
    expect_selected(&ui, "139");
    top_ui_key(&ui, SCREEN_RIGHT, ROWS); // by name, no longer reversed
    assert_int_equal(ui.model.sort, TOP_NAME);
    expect_selected(&ui, "100");
    top_ui_key(&ui, SCREEN_LEFT, ROWS);
    top_ui_key(&ui, '<', ROWS);
    assert_int_equal(ui.model.sort, TOP_PURGES);
    draw(&ui, 60, ROWS); // what is sorted by is shown, though it has its place far to the right
    assert_non_null(strstr(line[3].text, "PURGES/S"));
    assert_null(strstr(line[3].text, "REMOTE/S"));
    top_ui_free(&ui);
}

static void
type(struct top_ui *ui, const char *text)
{
    for (; *text != '\0'; text++) {
        assert_int_equal(top_ui_key(ui, *text, ROWS), TOP_NOTHING);
    }
}

static void
test_filter(void **state)
{
    struct top_ui ui;

    (void)state;
    start(&ui);
    type(&ui, "/oddq");
    top_ui_key(&ui, SCREEN_BACKSPACE, ROWS);
    draw(&ui, 100, ROWS);
    assert_string_equal(line[2].text, "show only: odd_");
    top_ui_key(&ui, SCREEN_ENTER, ROWS);
    assert_int_equal(ui.model.shown, PROCESSES / 2);
    expect_selected(&ui, "101");
    assert_string_equal(line[2].text, "only: odd  (20 of 40)");
    for (unsigned i = 0; i < ROWS; i++) {
        assert_null(strchr(line[i].text, '\033'));
    }
    top_ui_key(&ui, SCREEN_ESCAPE, ROWS);
    assert_int_equal(ui.model.shown, PROCESSES);
    type(&ui, "fnothing has this name, however long it may be, and it is far longer than has room");
    assert_int_equal(ui.model.shown, 0);
    draw(&ui, 100, ROWS);
    top_ui_key(&ui, SCREEN_ENTER, ROWS);
    assert_int_equal(top_ui_key(&ui, SCREEN_ENTER, ROWS), TOP_NOTHING); // no process to look at
    assert_int_equal(ui.view, TOP_VIEW_LIST);
    top_ui_free(&ui);
}

static void
test_detail(void **state)
{
    struct top_ui ui;
    char *text = calloc(1, 4096);

    (void)state;
    start(&ui);
    top_ui_key(&ui, SCREEN_DOWN, ROWS);
    assert_int_equal(top_ui_key(&ui, SCREEN_ENTER, ROWS), TOP_REFRESH);
    assert_int_equal(ui.view, TOP_VIEW_DETAIL);
    assert_int_equal(ui.detail_pid, 101);
    draw(&ui, 80, ROWS); // before there is an answer
    for (unsigned i = 0; i < 100; i++) {
        snprintf(text + strlen(text), 32, i == 0 ? "\n" : "line %u\n", i);
    }
    top_ui_set_detail(&ui, text);
    draw(&ui, 80, ROWS);
    assert_string_equal(line[4].text, "line 1");
    assert_int_equal(line[4].style, SCREEN_HEADER);
    top_ui_key(&ui, SCREEN_PAGE_DOWN, ROWS);
    draw(&ui, 80, ROWS);
    assert_string_equal(line[3].text, "line 17");
    top_ui_key(&ui, SCREEN_END, ROWS);
    draw(&ui, 80, ROWS);
    assert_string_equal(line[ROWS - 2].text, "line 99");
    assert_int_equal(top_ui_key(&ui, 'q', ROWS), TOP_NOTHING);
    expect_selected(&ui, "101");
    assert_int_equal(top_ui_key(&ui, 'q', ROWS), TOP_QUIT);
    top_ui_free(&ui);
}

static void
test_pace(void **state)
{
    struct top_ui ui;

    (void)state;
    start(&ui);
    assert_int_equal(top_ui_key(&ui, 'p', ROWS), TOP_NOTHING);
    draw(&ui, 100, ROWS);
    assert_non_null(strstr(line[0].text, "paused"));
    assert_int_equal(top_ui_key(&ui, ' ', ROWS), TOP_REFRESH);
    top_ui_key(&ui, '+', ROWS);
    assert_true(ui.interval_s == 5);
    for (unsigned i = 0; i < 20; i++) {
        top_ui_key(&ui, '-', ROWS);
    }
    assert_true(ui.interval_s == 0.2);
    ui.interval_s = 86400;
    top_ui_key(&ui, '+', ROWS);
    assert_true(ui.interval_s == 86400);
    top_ui_key(&ui, '-', ROWS);
    assert_true(ui.interval_s == 60);
    top_ui_free(&ui);
}

static void
test_lost(void **state)
{
    struct top_ui ui;

    (void)state;
    start(&ui);
    top_ui_lost(&ui, "no apexd here");
    draw(&ui, 80, ROWS);
    assert_string_equal(line[2].text, "no apexd here");
    assert_int_equal(line[2].style, SCREEN_WARNING);
    assert_int_equal(ui.model.count, 0);
    feed(&ui, 0, 3);
    expect_selected(&ui, "100");
    assert_string_equal(line[2].text, "");
    top_ui_free(&ui);
}

static unsigned
width(const char *text)
{
    unsigned count = 0;

    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

// Every size from nothing to large, in every view: all lines are written, none is too wide.
static void
test_sizes(void **state)
{
    static const int views[] = {0, 'h', SCREEN_ENTER};
    struct top_ui ui;

    (void)state;
    start(&ui);
    for (size_t v = 0; v < 3; v++) {
        ui.view = TOP_VIEW_LIST;
        top_ui_key(&ui, views[v], ROWS);
        for (unsigned columns = 1; columns < 200; columns += columns < 20 ? 1 : 17) {
            for (unsigned rows = 1; rows < 70; rows += rows < 10 ? 1 : 13) {
                memset(line, '#', sizeof line);
                top_ui_draw(&ui, "12:34:56", columns, rows, line);
                for (unsigned i = 0; i < rows; i++) {
                    assert_non_null(memchr(line[i].text, '\0', sizeof line[i].text));
                    assert_true(width(line[i].text) <= columns);
                }
                assert_true(line[rows].text[0] == '#');
            }
        }
    }
    top_ui_free(&ui);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),  cmocka_unit_test(test_order), cmocka_unit_test(test_filter),
        cmocka_unit_test(test_detail), cmocka_unit_test(test_pace),  cmocka_unit_test(test_lost),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
