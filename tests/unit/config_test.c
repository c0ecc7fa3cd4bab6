// SPDX-License-Identifier: MIT
//
// Unit test of policy/config.c: values, suffixes, ranges, refused entries, sources and AT_SECURE.
// Reason: options are typed by people; whatever they type, the program must start and a value that
// is out of range must never reach the heap.

#include "policy/config.h"

#include "abi/stats_page.h"
#include "base/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config config;
static char warnings[4096]; // what the last call wrote to stderr

// Runs the list with stderr in a pipe; returns how many entries were refused.
static unsigned
apply(const char *text)
{
    int saved = dup(STDERR_FILENO);
    int ends[2];
    unsigned refused;
    ssize_t length;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    refused = config_apply_list(&config, text, strlen(text));
    dup2(saved, STDERR_FILENO); // closes the last end for writing
    close(saved);
    length = read(ends[0], warnings, sizeof warnings - 1);
    close(ends[0]);
    warnings[length < 0 ? 0 : length] = '\0';
    return refused;
}

static int
setup(void **state)
{
    (void)state;
    config_defaults(&config);
    return 0;
}

static void
test_defaults(void **state)
{
    (void)state;
    assert_int_equal(config.decay_ms, 500);
    assert_int_equal(config.dirty_floor, 16 << 20);
    assert_int_equal(config.dirty_ratio, 25);
    assert_int_equal(config.thp, CONFIG_THP_AUTO);
    assert_int_equal(config.heap_limit, 0);
    assert_int_equal(config.retain, 64 << 20);
    assert_int_equal(config.fault, CONFIG_FAULT_ABORT);
    assert_int_equal(config.do_register, 1);
    assert_string_equal(config.runtime_dir.text, "");
    assert_int_equal(config.stats_at_exit, 0);
    assert_int_equal(config.seal_metadata, 0);
    assert_int_equal(config.background_thread, 0);
    assert_int_equal(config.profile_rate, 0);
    assert_int_equal(config.quarantine, 512 << 10);
    assert_int_equal(config.numa, CONFIG_NUMA_AUTO);
    assert_int_equal(config.numa_switch, 3);
    assert_int_equal(config.numa_home, APEX_OPTION_NODE_NONE);
    assert_int_equal(config.numa_large, CONFIG_LARGE_TOUCH);
    assert_int_equal(config.numa_large_min, 8 << 20);
    assert_memory_equal(config_get(), &config, sizeof config);
}

// What is ignored is said in the order of the entries: whoever reads that counts on it.
static void
test_sealing_is_for_the_hardened(void **state)
{
    (void)state;
    assert_int_equal(apply("seal_metadata=1,decai_ms=1"), PROFILE_READONLY ? 1 : 2);
    assert_int_equal(config.seal_metadata, PROFILE_READONLY);
    const char *sealing = strstr(warnings, "seal_metadata (only libapex-hardened has it)");
    const char *typo = strstr(warnings, "decai_ms");
    assert_true(PROFILE_READONLY ? sealing == NULL : sealing != NULL && sealing < typo);
    assert_int_equal(apply("seal_metadata=0"), 0);
}

static void
test_every_option_takes_its_limits(void **state)
{
    size_t count;
    const struct config_option *options = config_options(&count);

    (void)state;
    assert_true(count >= 10);
    for (size_t i = 0; i < count; i++) {
        char text[128];
        uint64_t value;
        if (options[i].type == CONFIG_CHOICE || options[i].type == CONFIG_PATH ||
            (!PROFILE_READONLY && strcmp(options[i].key, "seal_metadata") == 0)) {
            continue;
        }
        snprintf(text, sizeof text, "%s=%llu", options[i].key, (unsigned long long)options[i].max);
        assert_int_equal(apply(text), 0);
        memcpy(&value, (char *)&config + options[i].offset_bytes, sizeof value);
        assert_true(value == options[i].max);
        snprintf(text, sizeof text, "%s=%llu", options[i].key,
                 (unsigned long long)options[i].max + 1);
        assert_int_equal(apply(text), 1);
        assert_non_null(strstr(warnings, options[i].key));
        memcpy(&value, (char *)&config + options[i].offset_bytes, sizeof value);
        assert_true(value == options[i].max);
        snprintf(text, sizeof text, "%s=%llu", options[i].key, (unsigned long long)options[i].min);
        assert_int_equal(apply(text), 0);
    }
}

static void
test_suffixes(void **state)
{
    (void)state;
    assert_int_equal(apply("dirty_floor=12k"), 0);
    assert_int_equal(config.dirty_floor, 12 << 10);
    assert_int_equal(apply("dirty_floor=3M,retain=2g"), 0);
    assert_int_equal(config.dirty_floor, 3 << 20);
    assert_true(config.retain == UINT64_C(2) << 30);
    assert_int_equal(apply("decay_ms=3k"), 1); // no unit of time
    assert_int_equal(config.decay_ms, 500);
}

static void
test_numbers_that_are_none(void **state)
{
    static const char *const bad[] = {"",
                                      "k",
                                      "-1",
                                      "+1",
                                      "0x10",
                                      "1.5",
                                      "12kk",
                                      "1 2",
                                      "ten",
                                      "99999999999999999999999",
                                      "18446744073709551615g"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "dirty_floor=%s", bad[i]);
        assert_int_equal(apply(text), 1);
        assert_int_equal(config.dirty_floor, 16 << 20);
    }
}

static void
test_words(void **state)
{
    (void)state;
    assert_int_equal(apply("thp=off,fault=report,stats_at_exit=yes,register=off,numa=off"), 0);
    assert_int_equal(config.numa, CONFIG_NUMA_OFF);
    assert_int_equal(config.thp, CONFIG_THP_OFF);
    assert_int_equal(config.fault, CONFIG_FAULT_REPORT);
    assert_int_equal(config.stats_at_exit, 1);
    assert_int_equal(config.do_register, 0);
    assert_int_equal(apply("thp=always,fault=abort,stats_at_exit=0,register=true"), 0);
    assert_int_equal(config.thp, CONFIG_THP_ALWAYS);
    assert_int_equal(config.fault, CONFIG_FAULT_ABORT);
    assert_int_equal(config.stats_at_exit, 0);
    assert_int_equal(config.do_register, 1);
    assert_int_equal(apply("thp=alwa,thp=off|auto,stats_at_exit=2,stats_at_exit=,thp="), 5);
    assert_int_equal(config.thp, CONFIG_THP_ALWAYS);
}

static void
test_path(void **state)
{
    char text[256];

    (void)state;
    assert_int_equal(apply("runtime_dir=/run/apexd"), 0);
    assert_string_equal(config.runtime_dir.text, "/run/apexd");
    assert_int_equal(apply("runtime_dir=relative/path"), 1);
    memset(text, 'x', sizeof text);
    memcpy(text, "runtime_dir=/", 13);
    text[200] = '\0';
    assert_int_equal(apply(text), 1);
    assert_string_equal(config.runtime_dir.text, "/run/apexd");
    assert_int_equal(apply("runtime_dir="), 0);
    assert_string_equal(config.runtime_dir.text, "");
}

static void
test_warnings_are_exact(void **state)
{
    (void)state;
    assert_int_equal(apply("colour=red"), 1);
    assert_string_equal(warnings, "libapex: option ignored: colour=red (no such option)\n");
    assert_int_equal(apply("decay_ms=soon"), 1);
    assert_string_equal(warnings,
                        "libapex: option ignored: decay_ms=soon (expected 0 to 600000 ms)\n");
    assert_int_equal(apply("thp=never"), 1);
    assert_string_equal(warnings,
                        "libapex: option ignored: thp=never (expected off|auto|always)\n");
    assert_int_equal(apply("numa_switch=3k"), 1); // no unit of bytes
    assert_string_equal(warnings,
                        "libapex: option ignored: numa_switch=3k (expected 1 to 1000 refills)\n");
    assert_int_equal(apply("stats_at_exit"), 1);
    assert_string_equal(warnings, "libapex: option ignored: stats_at_exit (expected 0 or 1)\n");
    assert_int_equal(apply("\033[2J=\n1"), 1); // no control characters reach the terminal
    assert_string_equal(warnings, "libapex: option ignored: ?[2J=?1 (no such option)\n");
}

static void
test_the_rest_of_a_list_counts(void **state)
{
    (void)state;
    assert_int_equal(apply(" decay_ms = 7 ,,nonsense,dirty_ratio=20,"), 1);
    assert_int_equal(config.decay_ms, 7);
    assert_int_equal(config.dirty_ratio, 20);
    assert_int_equal(apply("decay_ms=8,decay_ms=9"), 0); // the last one wins
    assert_int_equal(config.decay_ms, 9);
}

static void
test_too_many_entries(void **state)
{
    char text[2048];

    (void)state;
    memset(text, ',', sizeof text);
    strcpy(text + sizeof text - 12, "decay_ms=1");
    assert_int_equal(apply(text), 1);
    assert_int_equal(config.decay_ms, 500);
}

static void
test_file(void **state)
{
    static const char text[] = "# ApexAlloc\n"
                               "\n"
                               "decay_ms = 40   # quick\r\n"
                               "  thp=off\n"
                               "runtime_dir = /run/a,b\n"
                               "stats_at_exit = 1";

    (void)state;
    assert_int_equal(config_apply_file(&config, text, sizeof text), 0);
    assert_int_equal(config.decay_ms, 40);
    assert_int_equal(config.thp, CONFIG_THP_OFF);
    assert_string_equal(config.runtime_dir.text, "/run/a,b");
    assert_int_equal(config.stats_at_exit, 1);
}

// `length` bounds what is read, whatever follows.
static void
test_length_is_kept(void **state)
{
    static const char text[] = "decay_ms=123456";

    (void)state;
    assert_int_equal(config_apply_list(&config, text, 10), 0);
    assert_int_equal(config.decay_ms, 1);
}

static void
test_environment(void **state)
{
    (void)state;
    setenv("APEX_OPTIONS_OTHER", "decay_ms=1", 1);
    setenv("APEX_OPTIONS", "decay_ms=77,register=0", 1);
    errno = 4711;
    config_load(false);
    assert_int_equal(errno, 4711);
    assert_int_equal(config_get()->decay_ms, 77);
    assert_int_equal(config_get()->do_register, 0);
    config_load(true); // more rights than the caller: the environment is not trusted
    assert_int_not_equal(config_get()->decay_ms, 77);
}

static void
test_no_environment_yet(void **state)
{
    char **saved = environ;

    (void)state;
    environ = NULL;
    config_load(false);
    environ = saved;
    assert_int_not_equal(config_get()->decay_ms, 77);
}

static void
test_tune(void **state)
{
    (void)state;
    config_load(true);
    assert_true(config_tune("dirty_floor", 12345));
    assert_int_equal(config_get()->dirty_floor, 12345);
    assert_true(config_tune("dirty_floor", UINT64_MAX)); // clamped to the row
    assert_int_equal(config_get()->dirty_floor, UINT64_C(1) << 40);
    assert_false(config_tune("register", 0)); // read once, at the start
    assert_false(config_tune("runtime_dir", 1));
    assert_false(config_tune("no_such_key", 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, setup),
        cmocka_unit_test_setup(test_every_option_takes_its_limits, setup),
        cmocka_unit_test_setup(test_sealing_is_for_the_hardened, setup),
        cmocka_unit_test_setup(test_suffixes, setup),
        cmocka_unit_test_setup(test_numbers_that_are_none, setup),
        cmocka_unit_test_setup(test_words, setup),
        cmocka_unit_test_setup(test_path, setup),
        cmocka_unit_test_setup(test_warnings_are_exact, setup),
        cmocka_unit_test_setup(test_the_rest_of_a_list_counts, setup),
        cmocka_unit_test_setup(test_too_many_entries, setup),
        cmocka_unit_test_setup(test_file, setup),
        cmocka_unit_test_setup(test_length_is_kept, setup),
        cmocka_unit_test_setup(test_environment, setup),
        cmocka_unit_test_setup(test_no_environment_yet, setup),
        cmocka_unit_test_setup(test_tune, setup),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
