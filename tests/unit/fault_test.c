// SPDX-License-Identifier: MIT
//
// Unit test of base/fault.c: the exact lines, abort or report, errno.
// Reason: people search for these lines; and what is printed in the worst moment must not fail.

#include "base/fault.h"

#include "../support/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char said[1024]; // stderr of the last child

// Runs `act` in a child with stderr in a pipe; returns its wait status.
static int
in_child(void (*act)(void))
{
    const struct rlimit no_core = {0, 0};
    int ends[2];
    int status = 0;
    ssize_t length;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(ends[1]);
    length = read(ends[0], said, sizeof said - 1);
    said[length < 0 ? 0 : length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void
act_raise(void)
{
    fault_raise(FAULT_DOUBLE_FREE, (void *)0x1230, 48);
}

static void
act_raise_without_class(void)
{
    fault_raise(FAULT_FOREIGN_FREE, NULL, 0);
}

static void
act_report(void)
{
    fault_set_report(true);
    errno = 4711;
    fault_raise(FAULT_INTERIOR_FREE, (void *)0xabc0, 16);
    if (errno != 4711) {
        _exit(1);
    }
}

static void
act_panic(void)
{
    fault_set_report(true); // changes nothing here
    fault_panic("a == b", (void *)16);
}

static void
act_warn(void)
{
    errno = 4711;
    fault_warn("something");
    _exit(errno == 4711 ? 0 : 1);
}

static void
act_raise_closed(void)
{
    close(STDERR_FILENO);
    fault_raise(FAULT_DOUBLE_FREE, NULL, 0);
}

static void
test_lines(void **state)
{
    int status = in_child(act_raise);

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(said, "libapex: double free (address 0x1230, size class 48 bytes)\n");
    status = in_child(act_raise_without_class);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(said, "libapex: free of a foreign pointer (address 0x0)\n");
    status = in_child(act_panic);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(said, "libapex: internal error: a == b (address 0x10)\n");
}

static void
test_report_goes_on(void **state)
{
    (void)state;
    assert_int_equal(in_child(act_report), 0);
    assert_string_equal(
        said, "libapex: free of an interior pointer (address 0xabc0, size class 16 bytes)\n");
    assert_int_equal(in_child(act_warn), 0);
    assert_string_equal(said, "libapex: something\n");
}

static void
test_closed_stderr(void **state)
{
    int status = in_child(act_raise_closed);

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void
test_every_fault_has_words(void **state)
{
    (void)state;
    for (int f = 0; f < FAULT_COUNT; f++) {
        assert_true(strlen(fault_message((enum fault)f)) > 5);
        for (int g = 0; g < f; g++) {
            assert_string_not_equal(fault_message((enum fault)f), fault_message((enum fault)g));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_report_goes_on),
        cmocka_unit_test(test_closed_stderr),
        cmocka_unit_test(test_every_fault_has_words),
    };

    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
