// SPDX-License-Identifier: MIT
//
// Unit test of apexd/tune.c: who goes first, what is advised, and the grammar of values, which must
// be that of APEX_OPTIONS, to the last suffix. Reason: a value that is read wrong is a value that
// some running program gets. Through the daemon, with programs: tests/daemon/tune.py.

#include "apexd/tune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct page_option options[] = {
    {"decay_ms", "ms", APEX_OPTION_MS, true, 0, 600000, 500, 500, 500},
    {"retain", "bytes", APEX_OPTION_BYTES, true, 0, UINT64_C(1) << 40, 0, 0, 0},
    {"thp", "off|auto|always", APEX_OPTION_CHOICE, true, 0, 2, 1, 1, 1},
    {"lazy", "bool", APEX_OPTION_BOOL, true, 0, 1, 1, 1, 1},
    {"switch", "refills", APEX_OPTION_COUNT, true, 1, 1000, 3, 3, 3},
    {"home", "node", APEX_OPTION_NODE, true, 0, 1024, 1024, 1024, 1024},
    {"fixed", "ms", APEX_OPTION_MS, false, 0, 9, 1, 1, 1},
};

#define OPTIONS (sizeof options / sizeof options[0])

static bool
reads(const char *text, const char *key, uint64_t value)
{
    struct tune out;
    char why[TUNE_WHY_BYTES];

    return tune_parse(options, OPTIONS, text, false, &out, why) &&
           tune_find(&out, key) != NULL && tune_find(&out, key)->value == value;
}

static const char *
refuses(const char *text, bool only_keys)
{
    static char why[TUNE_WHY_BYTES];
    struct tune out;

    assert_false(tune_parse(options, OPTIONS, text, only_keys, &out, why));
    return why;
}

static void
test_values(void **state)
{
    (void)state;
    assert_true(reads("decay_ms=0", "decay_ms", 0));
    assert_true(reads("decay_ms=600000", "decay_ms", 600000));
    assert_true(reads("retain=3k", "retain", 3 << 10));
    assert_true(reads("retain=3M", "retain", 3 << 20));
    assert_true(reads("retain=1024g", "retain", UINT64_C(1) << 40));
    assert_true(reads("thp=off", "thp", 0));
    assert_true(reads("thp=always", "thp", 2));
    assert_true(reads("lazy=off,decay_ms=7", "lazy", 0));
    assert_true(reads("lazy=true", "lazy", 1));
    assert_true(reads("switch=1000", "switch", 1000));
    assert_true(reads("home=0", "home", 0));
    assert_true(reads("home=none", "home", 1024));
    assert_true(reads("decay_ms=7,decay_ms=8", "decay_ms", 8)); // the later one
    assert_string_equal(refuses("decay_ms=600001", false),
                        "decay_ms takes 0 to 600000 ms, not 600001");
    assert_string_equal(refuses("retain=1025g", false), "retain takes 0 to 1024g bytes, not 1025g");
    assert_string_equal(refuses("decay_ms=3k", false), "decay_ms takes 0 to 600000 ms, not 3k");
    assert_string_equal(refuses("retain=3kk", false), "retain takes 0 to 1024g bytes, not 3kk");
    assert_string_equal(refuses("switch=0", false), "switch takes 1 to 1000 refills, not 0");
    assert_string_equal(refuses("switch=3k", false), "switch takes 1 to 1000 refills, not 3k");
    assert_string_equal(refuses("home=no", false),
                        "home takes the number of a node, or none, not no");
    assert_string_equal(refuses("retain=", false), "retain takes 0 to 1024g bytes, not ");
    assert_string_equal(refuses("retain= 3", false), "retain takes 0 to 1024g bytes, not ?3");
    assert_string_equal(refuses("thp=of", false), "thp takes off|auto|always, not of");
    assert_string_equal(refuses("thp=off|auto", false), "thp takes off|auto|always, not off|auto");
    assert_string_equal(refuses("thp=", false), "thp takes off|auto|always, not ");
    assert_string_equal(refuses("lazy=2", false), "lazy takes 0 or 1, not 2");
    assert_string_equal(refuses("fixed=2", false),
                        "fixed is read when the process starts, and not again");
    assert_string_equal(refuses("", false), "nothing is set");
    assert_string_equal(refuses("thp", false), "a setting is key=value, not thp");
    assert_string_equal(refuses("thp=off", true), "no such option: thp=off"); // keys only
}

static void
test_format_is_read_back(void **state)
{
    char out[TUNE_VALUE_BYTES];

    (void)state;
    tune_format(&options[1], 3 << 20, out);
    assert_string_equal(out, "3m");
    tune_format(&options[1], (3 << 20) + 1, out);
    assert_string_equal(out, "3145729");
    tune_format(&options[1], 0, out);
    assert_string_equal(out, "0");
    tune_format(&options[0], 2048, out);
    assert_string_equal(out, "2048");
    tune_format(&options[2], 2, out);
    assert_string_equal(out, "always");
    tune_format(&options[5], 7, out);
    assert_string_equal(out, "7");
    tune_format(&options[5], 1024, out);
    assert_string_equal(out, "none");
    tune_format(&options[2], 77, out); // a stranger's page may say so
    assert_string_equal(out, "");
}

static void
test_who_goes_first(void **state)
{
    struct tune tune = {0};

    (void)state;
    assert_null(tune_find(&tune, "thp"));
    assert_true(tune_set(&tune, TUNE_USER, "thp", 1));
    assert_true(tune_set(&tune, TUNE_RULE, "thp", 0));
    assert_int_equal(tune_find(&tune, "thp")->value, 1);
    assert_true(tune_set(&tune, TUNE_PRESSURE, "thp", 2));
    assert_int_equal(tune_find(&tune, "thp")->source, TUNE_PRESSURE);
    tune_clear(&tune, TUNE_PRESSURE, "thp");
    tune_clear(&tune, TUNE_USER, NULL);
    assert_int_equal(tune_find(&tune, "thp")->source, TUNE_RULE);
    tune_clear(&tune, TUNE_RULE, "decay_ms");
    assert_int_equal(tune.count, 1);
    for (unsigned i = 1; i < TUNE_VALUES_MAX; i++) {
        char key[8] = {'k', (char)('a' + i / 26), (char)('a' + i % 26)};
        assert_true(tune_set(&tune, TUNE_RULE, key, i));
    }
    assert_false(tune_set(&tune, TUNE_RULE, "one_more", 0));
    assert_true(tune_set(&tune, TUNE_RULE, "thp", 1)); // in the place of its own
    assert_false(tune_set(&tune, TUNE_USER, "a_key_that_no_option_can_have", 0));
}

static void
test_advice(void **state)
{
    struct advice advice;
    struct tune tune = {0};
    int fd;

    (void)state;
    assert_true(advice_open(&advice, 1, 2, false, &fd));
    tune_advise(&tune, &advice);
    assert_int_equal(advice.page->epoch, 0); // nothing has changed
    tune_set(&tune, TUNE_RULE, "thp", 0);
    tune_set(&tune, TUNE_USER, "thp", 2);
    tune_set(&tune, TUNE_RULE, "retain", 5);
    tune_advise(&tune, &advice);
    assert_int_equal(advice.page->epoch, 1);
    assert_int_equal(advice.page->sequence % 2, 0);
    assert_int_equal(advice.page->rows, 2);
    assert_string_equal(advice.page->row[0].key, "thp");
    assert_int_equal(advice.page->row[0].value, 2);
    assert_string_equal(advice.page->row[1].key, "retain");
    tune_advise(&tune, &advice);
    assert_int_equal(advice.page->epoch, 1);
    tune_clear(&tune, TUNE_USER, NULL);
    tune_advise(&tune, &advice);
    assert_int_equal(advice.page->epoch, 2);
    assert_int_equal(advice.page->row[0].value, 0);
    advice_close(&advice);
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_format_is_read_back),
        cmocka_unit_test(test_who_goes_first),
        cmocka_unit_test(test_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
