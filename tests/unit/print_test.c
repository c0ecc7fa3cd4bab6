// SPDX-License-Identifier: MIT
//
// Unit test of view/print.c: every statistic stands in both forms, with its value, and nothing is
// lost between the pieces. (tests/daemon/ctl.py reads the JSON with a real parser.)
// Reason: what is printed when a program ends is all that is left of its heap.

#include "view/print.h"

#include "apex.h"
#include "policy/config.h"
#include "view/stats.h"

#include "../support/unit.h"

static char text[65536];
static size_t text_bytes;
static unsigned pieces;

static void
collect(void *context, const char *piece, size_t length)
{
    assert_ptr_equal(context, &pieces);
    assert_true(length > 0 && text_bytes + length < sizeof text);
    memcpy(text + text_bytes, piece, length);
    text_bytes += length;
    text[text_bytes] = '\0';
    pieces++;
}

static void
print(unsigned flags)
{
    text_bytes = 0;
    pieces = 0;
    errno = 4711;
    assert_int_equal(apex_stats_print(collect, &pieces, flags), 0);
    assert_int_equal(errno, 4711);
    assert_true(pieces > 1);
    assert_int_equal(text[text_bytes - 1], '\n');
}

static void
expect_line(const char *format, const char *name, uint64_t value)
{
    char wanted[128];

    snprintf(wanted, sizeof wanted, format, name, (unsigned long)value);
    if (strstr(text, wanted) == NULL) {
        fail_msg("no %s in %s", wanted, text);
    }
}

static void
test_text(void **state)
{
    struct stats_totals totals;
    void *large = apex_malloc(3 << 20);
    void *small = apex_malloc(48);

    (void)state;
    print(APEX_PRINT_TEXT);
    stats_sum(&totals);
    expect_line("libapex: %s bytes = %lu\n", "allocated", totals.allocated_bytes);
    expect_line("libapex: %s = %lu\n", "threads", 1);
#define STAT_PROCESS(name, kind, unit, text_) \
    expect_line("libapex: %s " #unit " = %lu\n", #name, totals.process.name);
#define STAT_THREAD(name, kind, unit, text_) \
    expect_line("libapex: %s " #unit " = %lu\n", #name, totals.threads.name);
#include "tables/stats.def"
    expect_line("libapex: live objects of %s bytes = %lu\n", "48", 1);
    apex_free(small);
    apex_free(large);
}

static void
test_json(void **state)
{
    struct stats_totals totals;
    void *small = apex_malloc(48);
    unsigned open = 0;
    unsigned close = 0;

    (void)state;
    print(APEX_PRINT_JSON);
    stats_sum(&totals);
    assert_int_equal(strncmp(text, "{\"schema\":\"libapex.stats/1\",", 28), 0);
    expect_line("\"%s\":%lu,", "allocated_bytes", totals.allocated_bytes);
#define STAT_PROCESS(name, kind, unit, text_) expect_line("\"%s\":%lu", #name, totals.process.name);
#define STAT_THREAD(name, kind, unit, text_) expect_line("\"%s\":%lu", #name, totals.threads.name);
#include "tables/stats.def"
    expect_line("\"%s\":%lu,", "decay_ms", config_get()->decay_ms);
    expect_line("{\"size_bytes\":%s,\"live\":%lu,", "48", 1);
    for (const char *c = text; *c != '\0'; c++) {
        open += *c == '{' || *c == '[';
        close += *c == '}' || *c == ']';
    }
    assert_int_equal(open, close);
    assert_null(strstr(text, ",}"));
    assert_null(strstr(text, "{,"));
    assert_null(strstr(text, "[,"));
    assert_ptr_equal(strchr(text, '\n'), text + text_bytes - 1); // one line
    apex_free(small);
}

// Takes the one line out that each print changes, for it asks the kernel what is resident.
static size_t
without_calls(char *printed, size_t length)
{
    printed[length] = '\0';
    char *line = strstr(printed, "libapex: os_calls");
    assert_non_null(line);
    char *next = strchr(line, '\n') + 1;
    memmove(line, next, strlen(next) + 1);
    return strlen(printed);
}

static void
test_descriptor(void **state)
{
    static char read_back[65536];
    int ends[2];
    int saved = dup(STDERR_FILENO);

    (void)state;
    print(APEX_PRINT_TEXT);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    assert_int_equal(apex_stats_print(NULL, NULL, APEX_PRINT_TEXT), 0);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], read_back + length, sizeof read_back - 1 - length)) > 0) {
        length += (size_t)got;
    }
    close(ends[0]);
    length = without_calls(read_back, length);
    assert_int_equal(length, without_calls(text, text_bytes));
    assert_memory_equal(read_back, text, length);
    int closed = -1;
    print_to_fd(&closed, "x", 1); // returns
}

static void
test_wrong_flags(void **state)
{
    (void)state;
    text_bytes = 0;
    assert_int_equal(apex_stats_print(collect, &pieces, 2), EINVAL);
    assert_int_equal(text_bytes, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_wrong_flags),
    };

    return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
