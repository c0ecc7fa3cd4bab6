// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/proc.c: fields, variables and mappings as the kernel writes them, and this
// very process. Reason: doctor tells people why something does not work; a wrong reason costs them
// a day.

#include "apexctl/proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static void
test_fields(void **state)
{
    static const char text[] =
        "Name:\tSeccomp:\nSeccomp:\t2\nSeccomp_filters:\t11\nEmpty:\nLast: 7";
    uint64_t value = 99;

    (void)state;
    assert_true(proc_field(text, "Seccomp:", &value));
    assert_int_equal(value, 2);
    assert_true(proc_field(text, "Last:", &value));
    assert_int_equal(value, 7);
    assert_false(proc_field(text, "Name:", &value));
    assert_false(proc_field(text, "Empty:", &value));
    assert_false(proc_field(text, "None:", &value));
    assert_false(proc_field("", "None:", &value));
}

static void
test_variables(void **state)
{
    static const char environment[] = "A=1\0LD_PRELOAD_X=no\0LD_PRELOAD=/lib/x.so\0EMPTY=\0BROKEN";

    (void)state;
    assert_string_equal(proc_variable(environment, sizeof environment, "A"), "1");
    assert_string_equal(proc_variable(environment, sizeof environment, "LD_PRELOAD"), "/lib/x.so");
    assert_string_equal(proc_variable(environment, sizeof environment, "EMPTY"), "");
    assert_null(proc_variable(environment, sizeof environment, "BROKEN"));
    assert_null(proc_variable(environment, sizeof environment, "LD"));
    assert_null(proc_variable("", 0, "A"));
}

static void
test_auxiliary(void **state)
{
    ElfW(auxv_t) vector[2] = {{.a_type = AT_SECURE, .a_un = {1}}, {.a_type = AT_UID, .a_un = {5}}};
    const char *bytes = (const char *)vector;

    (void)state;
    assert_int_equal(proc_auxiliary(bytes, sizeof vector, AT_SECURE), 1);
    assert_int_equal(proc_auxiliary(bytes, sizeof vector, AT_UID), 5);
    assert_int_equal(proc_auxiliary(bytes, sizeof vector - 1, AT_UID), 0); // cut off
    assert_int_equal(proc_auxiliary(bytes, sizeof vector, AT_GID), 0);
}

static void
test_mappings(void **state)
{
    static const char maps[] =
        "55a0-55b0 r--p 00000000 fe:00 12   /usr/bin/libapex-not/python3\n"
        "7f00-7f10 rw-p 00000000 00:00 0 \n"
        "7f10-7f20 r-xp 00000000 fe:00 13   /opt/my lib/libapex.so.0.0.0 (deleted)\n"
        "7ffd-7ffe rw-p 00000000 00:00 0    [stack]";
    char path[128] = "";

    (void)state;
    assert_true(proc_mapped_file(maps, "libapex", path, sizeof path));
    assert_string_equal(path, "/opt/my lib/libapex.so.0.0.0 (deleted)");
    assert_true(proc_mapped_file(maps, "python3", path, sizeof path));
    assert_string_equal(path, "/usr/bin/libapex-not/python3");
    assert_false(proc_mapped_file(maps, "libjemalloc", path, sizeof path));
    assert_false(proc_mapped_file(maps, "python3x", path, sizeof path));
    assert_false(proc_mapped_file("", "x", path, sizeof path));
}

static void
test_this_process(void **state)
{
    char text[PROC_TEXT_BYTES];
    size_t bytes = 0;
    uint64_t value = 0;

    (void)state;
    assert_true(proc_read_of(getpid(), "status", text, sizeof text) > 0);
    assert_true(proc_field(text, "Pid:", &value));
    assert_int_equal(value, getpid());
    assert_true(proc_link(getpid(), "exe", text, sizeof text));
    assert_non_null(strstr(text, "proc_test"));
    ssize_t got = proc_read_of(getpid(), "auxv", text, sizeof text);
    assert_int_equal(proc_auxiliary(text, (size_t)got, AT_SECURE), getauxval(AT_SECURE));
    char *maps = proc_read_all(getpid(), "maps", &bytes);
    assert_non_null(maps);
    assert_int_equal(strlen(maps), bytes);
    free(maps);
    assert_int_equal(proc_read("/proc/self/stat", text, 5), 4); // cut, and terminated
    assert_int_equal(text[4], '\0');
    errno = 0;
    assert_null(proc_read_all(-1, "maps", &bytes));
    assert_int_equal(errno, ENOENT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),       cmocka_unit_test(test_variables),
        cmocka_unit_test(test_mappings),     cmocka_unit_test(test_auxiliary),
        cmocka_unit_test(test_this_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
