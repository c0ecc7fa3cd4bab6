// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/table.c and apexctl/render.c: numbers for people, columns, and each view
// held against a golden file: tests/golden/<name>.json in, tests/golden/<name>.txt out. Reason:
// people read these tables and compare them with yesterday's.
//
//   RENDER_UPDATE=1 render_test     writes the .txt files instead

#include "apexctl/render.h"
#include "apexctl/render_advise.h"
#include "apexctl/render_numa.h"
#include "apexctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void
test_bytes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *wanted;
    } cases[] = {
        {0, "0 B"},
        {1, "1 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {102348, "99.9 KiB"},
        {102400, "100 KiB"},
        {1048063, "1023 KiB"},
        {1048064, "1.0 MiB"}, // 1023.5 KiB would be shown as 1024
        {1048576, "1.0 MiB"},
        {UINT64_C(5) << 30, "5.0 GiB"},
        {UINT64_C(3) << 40, "3.0 TiB"},
        {UINT64_C(2) << 50, "2.0 PiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    char text[TABLE_CELL_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(table_format_bytes(cases[i].bytes, text), cases[i].wanted);
    }
}

static void
test_columns(void **state)
{
    static const char *const titles[] = {"<NAME", "SIZE", "<NOTE"};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    struct table t;

    (void)state;
    table_init(&t, titles, 3);
    table_text(&t, "a\x1b[31m");
    table_number(&t, 7);
    table_text(&t, "last");
    table_text(&t, "\xc3\xa4"); // two bytes, one column
    table_bytes(&t, 2048);
    table_text(&t, "x");
    table_print(&t, out);
    fclose(out);
    assert_string_equal(text, "NAME       SIZE  NOTE\n"
                              "a?[31m        7  last\n"
                              "\xc3\xa4       2.0 KiB  x\n");
    free(text);
}

// Prints a table of one long text and two numbers in a style.
static void
expect_styled(struct style style, const char *wanted)
{
    static const char *const titles[] = {"PID", "<COMMAND", "SIZE"};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    struct table t;

    table_init(&t, titles, 3);
    table_number(&t, 1234);
    table_text(&t, "\xc3\xa4 name of 20 letters"); // the first of them takes two bytes
    table_bytes(&t, 2048);
    table_set_style(style);
    table_print(&t, out);
    table_set_style((struct style){.columns = 0});
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

static void
test_styles(void **state)
{
    (void)state;
    expect_styled((struct style){.attributes = true, .columns = 80},
                  "\033[1;4m PID  COMMAND                  SIZE\033[0m\n"
                  "1234  \xc3\xa4 name of 20 letters  2.0 KiB\n");
    expect_styled((struct style){.columns = 35}, " PID  COMMAND                  SIZE\n"
                                                 "1234  \xc3\xa4 name of 20 letters  2.0 KiB\n");
    expect_styled((struct style){.columns = 30}, " PID  COMMAND             SIZE\n"
                                                 "1234  \xc3\xa4 name of 20 l~  2.0 KiB\n");
    expect_styled((struct style){.columns = 24}, " PID  COMMAND\n"
                                                 "1234  \xc3\xa4 name of~\n"
                                                 "(no room for 1 more)\n");
    expect_styled((struct style){.columns = 1}, " PID\n1234\n(no room for 2 more)\n");
}

// What has changed between two answers, in both directions; and two answers of one moment.
static void
test_changes(void **state)
{
    cJSON *before = cJSON_Parse("{\"monotonic_ns\":1000000000,\"heap\":{\"allocated_bytes\":4096},"
                                "\"counters\":{\"purge_calls_total\":5,\"purged_bytes_total\":0}}");
    cJSON *result = cJSON_Parse("{\"monotonic_ns\":3000000000,\"heap\":{\"allocated_bytes\":2048},"
                                "\"counters\":{\"purge_calls_total\":8,\"purged_bytes_total\":0}}");
    const cJSON *answers[] = {before, result, NULL};
    char *text = NULL;
    size_t length = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        FILE *out = open_memstream(&text, &length);
        render_stats_since(out, result, answers[i]);
        fclose(out);
        assert_int_equal(strstr(text, "A SECOND") != NULL, i == 0);
        if (i == 0) {
            assert_non_null(strstr(text, "allocated  2.0 KiB  -1.0 KiB  live objects\n"));
            assert_non_null(strstr(text, "purge_calls_total       8      +1.5\n"));
            assert_non_null(strstr(text, "purged_bytes_total    0 B       0 B\n"));
        }
        free(text);
    }
    cJSON_Delete(before);
    cJSON_Delete(result);
}

static char *
slurp(const char *name, const char *ending)
{
    char path[512];
    const char *top = getenv("top_srcdir");
    char *text = calloc(1, 65536);

    snprintf(path, sizeof path, "%s/tests/golden/%s.%s", top == NULL ? "." : top, name, ending);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("cannot read %s", path);
    }
    assert_true(fread(text, 1, 65535, file) < 65535);
    fclose(file);
    return text;
}

static void
update(const char *name, const char *text)
{
    char path[512];
    const char *top = getenv("top_srcdir");

    snprintf(path, sizeof path, "%s/tests/golden/%s.txt", top == NULL ? "." : top, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void
expect_golden(const char *name, void (*render)(FILE *out, const cJSON *result))
{
    char *json = slurp(name, "json");
    cJSON *result = cJSON_Parse(json);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(result);
    render(out, result);
    fclose(out);
    if (getenv("RENDER_UPDATE") != NULL) {
        update(name, text);
    }
    char *wanted = slurp(name, "txt");
    assert_string_equal(text, wanted);
    free(wanted);
    free(text);
    cJSON_Delete(result);
    free(json);
}

static void
render_advise_whole(FILE *out, const cJSON *result)
{
    render_advise(out, result, true);
}

static void
render_advise_lines(FILE *out, const cJSON *result)
{
    render_advise(out, result, false);
}

static void
test_golden(void **state)
{
    (void)state;
    expect_golden("stats_all", render_stats);
    expect_golden("stats_one", render_stats);
    expect_golden("stats_strange", render_stats);
    expect_golden("processes", render_processes);
    expect_golden("processes_none", render_processes);
    expect_golden("topology_one", render_topology);
    expect_golden("topology_four", render_topology);
    expect_golden("numa_all", render_numa);
    expect_golden("numa_one", render_numa);
    expect_golden("ctl", render_ctl);
    expect_golden("advise", render_advise_whole);
    expect_golden("advise_many", render_advise_lines);
}

// A daemon of another version may leave anything out, or say it in another way.
static void
test_anything_goes(void **state)
{
    static const char *const results[] = {
        "{}",
        "null",
        "[]",
        "7",
        "{\"process\":7,\"heap\":[],\"processes\":{}}",
        "{\"process\":{\"classes\":[1,{}],\"thread_list\":[[]],\"counters\":[3]}}",
        "{\"processes\":[{\"policy\":7,\"nodes\":[3,{\"node\":-1}]}],\"more\":1e300}",
        "{\"package_list\":[{\"caches\":7}],\"nodes\":[{\"residents\":[1],\"processes\":1}]}",
        "{\"processes\":[{},7,null],\"hidden\":-1,\"nodes\":[{\"distances\":[1]},{}]}"};

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        cJSON *result = cJSON_Parse(results[i]);
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        render_stats(out, result);
        render_processes(out, result);
        render_topology(out, result);
        render_advise(out, result, true);
        render_advise(out, result, false);
        render_numa(out, result);
        fclose(out);
        assert_true(length > 0);
        free(text);
        cJSON_Delete(result);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),  cmocka_unit_test(test_columns),
        cmocka_unit_test(test_styles), cmocka_unit_test(test_changes),
        cmocka_unit_test(test_golden), cmocka_unit_test(test_anything_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
