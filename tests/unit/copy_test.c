// SPDX-License-Identifier: MIT
//
// Unit test of guard/copy.c: every function copies as glibc's does and returns what that returns,
// and each sees a range that is too long, of what it writes and of what it reads. Reason: these
// take the place of functions that everything else is made of.

#include "apex.h"
#include "base/fault.h"

#include "../support/unit.h"

#include <signal.h>
#include <sys/wait.h>

// As programs call them; through volatile pointers, so that the compiler does not.
static void *(*volatile do_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile do_mempcpy)(void *, const void *, size_t) = mempcpy;
static void *(*volatile do_memmove)(void *, const void *, size_t) = memmove;
static void *(*volatile do_memset)(void *, int, size_t) = memset;
static char *(*volatile do_strcpy)(char *, const char *) = strcpy;
static char *(*volatile do_stpcpy)(char *, const char *) = stpcpy;
static char *(*volatile do_strncpy)(char *, const char *, size_t) = strncpy;
static char *(*volatile do_strcat)(char *, const char *) = strcat;
static char *(*volatile do_strncat)(char *, const char *, size_t) = strncat;

// As fortified programs call them.
void *chk_memcpy(void *, const void *, size_t, size_t) __asm__("__memcpy_chk");
void *chk_mempcpy(void *, const void *, size_t, size_t) __asm__("__mempcpy_chk");
void *chk_memmove(void *, const void *, size_t, size_t) __asm__("__memmove_chk");
char *chk_strcpy(char *, const char *, size_t) __asm__("__strcpy_chk");
char *chk_stpcpy(char *, const char *, size_t) __asm__("__stpcpy_chk");
char *chk_strncpy(char *, const char *, size_t, size_t) __asm__("__strncpy_chk");
char *chk_strcat(char *, const char *, size_t) __asm__("__strcat_chk");
char *chk_strncat(char *, const char *, size_t, size_t) __asm__("__strncat_chk");

static void *(*volatile fortified_memcpy)(void *, const void *, size_t, size_t) = chk_memcpy;
static void *(*volatile fortified_mempcpy)(void *, const void *, size_t, size_t) = chk_mempcpy;
static void *(*volatile fortified_memmove)(void *, const void *, size_t, size_t) = chk_memmove;
static char *(*volatile fortified_strcpy)(char *, const char *, size_t) = chk_strcpy;
static char *(*volatile fortified_stpcpy)(char *, const char *, size_t) = chk_stpcpy;
static char *(*volatile fortified_strncpy)(char *, const char *, size_t, size_t) = chk_strncpy;
static char *(*volatile fortified_strcat)(char *, const char *, size_t) = chk_strcat;
static char *(*volatile fortified_strncat)(char *, const char *, size_t, size_t) = chk_strncat;

#define BYTES 64

// An object of BYTES bytes and what lies in no heap.
static char *object;
static char other[4 * BYTES];

static int
setup(void **state)
{
    (void)state;
    object = apex_malloc(BYTES);
    for (unsigned i = 0; i < sizeof other; i++) {
        other[i] = (char)(i + 1);
    }
    for (unsigned i = 0; i < BYTES; i++) {
        object[i] = 'o';
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    apex_free(object);
    return 0;
}

static bool
is_equal(const char *a, const char *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

static bool
is_filled(const char *p, char with, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != with) {
            return false;
        }
    }
    return true;
}

// How many ranges were found to be out of bounds since it was last asked.
static uint64_t
found(void)
{
    static uint64_t before;
    uint64_t now = fault_count(FAULT_OUT_OF_BOUNDS);
    uint64_t since = now - before;

    before = now;
    return since;
}

static void
test_bytes(void **state)
{
    (void)state;
    assert_ptr_equal(do_memcpy(object, other, BYTES), object);
    assert_true(is_equal(object, other, BYTES));
    assert_ptr_equal(do_mempcpy(object, other + 1, BYTES), object + BYTES);
    assert_true(is_equal(object, other + 1, BYTES));
    assert_ptr_equal(do_memmove(object + 1, object, BYTES - 1), object + 1);
    assert_true(is_equal(object + 1, other + 1, BYTES - 1));
    assert_ptr_equal(do_memmove(object, object + 1, BYTES - 1), object);
    assert_true(is_equal(object, other + 1, BYTES - 1));
    assert_ptr_equal(do_memset(object, 0x155, BYTES), object); // as a byte
    assert_true(is_filled(object, 0x55, BYTES));
    assert_ptr_equal(fortified_memcpy(object, other, BYTES, BYTES), object);
    assert_true(is_equal(object, other, BYTES));
    assert_ptr_equal(fortified_mempcpy(object, other + 1, BYTES, SIZE_MAX), object + BYTES);
    assert_true(is_equal(object, other + 1, BYTES));
    assert_ptr_equal(fortified_memmove(object + 1, object, BYTES - 1, BYTES), object + 1);
    assert_true(is_equal(object + 1, other + 1, BYTES - 1));
    assert_ptr_equal(do_memcpy(object + BYTES, other, 0), object + BYTES); // nothing, anywhere
    assert_int_equal(found(), 0);
}

static void
test_strings(void **state)
{
    (void)state;
    assert_ptr_equal(do_strcpy(object, "abc"), object);
    assert_string_equal(object, "abc");
    assert_true(is_filled(object + 4, 'o', BYTES - 4));
    assert_ptr_equal(do_strcat(object, "def"), object);
    assert_string_equal(object, "abcdef");
    assert_ptr_equal(do_strncat(object, "ghijk", 2), object);
    assert_string_equal(object, "abcdefgh");
    assert_ptr_equal(do_strncat(object, "i", 5), object);
    assert_string_equal(object, "abcdefghi");
    assert_ptr_equal(do_stpcpy(object, "ab"), object + 2);
    assert_string_equal(object, "ab");
    assert_ptr_equal(do_strncpy(object, "xyz", 2), object);
    assert_string_equal(object, "xy");
    assert_ptr_equal(do_strncpy(object, "q", BYTES), object);
    assert_true(object[0] == 'q' && is_filled(object + 1, 0, BYTES - 1));
    assert_ptr_equal(fortified_strcpy(object, "abc", 4), object);
    assert_ptr_equal(fortified_strcat(object, "def", 7), object);
    assert_ptr_equal(fortified_strncat(object, "ghijk", 2, 9), object);
    assert_string_equal(object, "abcdefgh");
    assert_ptr_equal(fortified_stpcpy(object, "ab", 3), object + 2);
    assert_ptr_equal(fortified_strncpy(object, "xyz", 2, 2), object);
    assert_string_equal(object, "xy");
    assert_int_equal(found(), 0);
}

// Each range by itself: 1 when it is what is written, 1 when it is what is read. The first byte
// that is too many is part of the canary, and is put back.
static void
test_bytes_out_of_bounds(void **state)
{
    char *end = object + BYTES;
    char canary = *end;

    (void)state;
    do_memcpy(object, other, BYTES + 1);
    do_mempcpy(object + 1, other, BYTES);
    do_memmove(object + 2, object, BYTES - 1);
    do_memset(object + 3, 0, BYTES - 2);
    fortified_memcpy(object, other, BYTES + 1, SIZE_MAX);
    fortified_mempcpy(object, other, BYTES + 1, SIZE_MAX);
    fortified_memmove(object, other, BYTES + 1, SIZE_MAX);
    assert_int_equal(found(), 7);
    *end = canary;
    do_memcpy(other, object, BYTES + 1);
    do_mempcpy(other, end, 1);
    do_memmove(other, object + 1, BYTES);
    fortified_memcpy(other, object, BYTES + 1, sizeof other);
    fortified_mempcpy(other, object, BYTES + 1, sizeof other);
    fortified_memmove(other, object, BYTES + 1, sizeof other);
    assert_int_equal(found(), 6);
}

static void
test_strings_out_of_bounds(void **state)
{
    char *end = object + BYTES;
    char canary = *end;

    (void)state;
    other[BYTES] = '\0';
    do_strcpy(object, other);
    do_stpcpy(object, other);
    do_strncpy(object, other, BYTES + 1);
    fortified_strcpy(object, other, SIZE_MAX);
    fortified_stpcpy(object, other, SIZE_MAX);
    fortified_strncpy(object, other, BYTES + 1, SIZE_MAX);
    assert_int_equal(found(), 6);
    object[BYTES - 1] = '\0';
    do_strcat(object, "x");
    object[BYTES - 1] = '\0';
    do_strncat(object, "xy", 1);
    object[BYTES - 1] = '\0';
    fortified_strcat(object, "x", SIZE_MAX);
    object[BYTES - 1] = '\0';
    fortified_strncat(object, "xy", 1, SIZE_MAX);
    assert_int_equal(found(), 4);
    // A string without an end, whose first byte behind the object is not the last one read.
    *end = canary;
    do_memset(object, 'o', BYTES);
    assert_int_equal(found(), 0);
    do_strncpy(other, object, BYTES);
    assert_int_equal(found(), 0);
    do_strncpy(other, object, BYTES + 1);
    assert_int_equal(found(), 1);
    other[0] = '\0';
    do_strncat(other, object, BYTES);
    assert_int_equal(found(), 0);
}

// What the compiler knew is compared first, by glibc's rule and with glibc's words.
static void
overflow_memcpy(void)
{
    fortified_memcpy(other, object, 2, 1);
}

static void
overflow_memmove(void)
{
    fortified_memmove(other, object, 2, 1);
}

static void
overflow_mempcpy(void)
{
    fortified_mempcpy(other, object, 2, 1);
}

static void
overflow_strcpy(void)
{
    fortified_strcpy(other, "ab", 2);
}

static void
overflow_stpcpy(void)
{
    fortified_stpcpy(other, "ab", 2);
}

static void
overflow_strncpy(void)
{
    fortified_strncpy(other, "ab", 2, 1);
}

static void
overflow_strcat(void)
{
    other[0] = '\0';
    fortified_strcat(other, "ab", 2);
}

static void
overflow_strncat(void)
{
    other[0] = '\0';
    fortified_strncat(other, "ab", 2, 2);
}

static void
test_fortified(void **state)
{
    static void (*const overflows[])(void) = {
        overflow_memcpy, overflow_memmove, overflow_mempcpy, overflow_strcpy,
        overflow_stpcpy, overflow_strncpy, overflow_strcat,  overflow_strncat,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof overflows / sizeof *overflows; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO);
            overflows[i]();
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int
main(int argc, char **argv)
{
    (void)argc;
    unit_report_faults(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_out_of_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strings_out_of_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fortified, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
