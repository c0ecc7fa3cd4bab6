// SPDX-License-Identifier: MIT
//
// Unit test of os/os_symbol.c: finds what the dynamic linker finds, finds what is in libraries that
// were opened later and for their opener alone, and finds nothing else. Reason: operator new throws
// through functions found this way, at a moment when nothing may go wrong.

#include "os/os_symbol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void *
address_of(const char *name)
{
    os_function *found = os_symbol_find(name);
    void *address;

    memcpy(&address, &found, sizeof address);
    return address;
}

static void
test_as_the_linker(void **state)
{
    static const char *const names[] = {"fopen",  "getaddrinfo",      "qsort", "dl_iterate_phdr",
                                        "printf", "pthread_create",   "open",  "__cxa_atexit",
                                        "abort",  "_cmocka_run_group_tests"};

    (void)state;
    errno = 4711;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_non_null(address_of(names[i]));
        assert_ptr_equal(address_of(names[i]), dlsym(RTLD_DEFAULT, names[i]));
    }
    assert_int_equal(errno, 4711);
}

static void
test_nothing(void **state)
{
    (void)state;
    assert_null(os_symbol_find("no_such_function_anywhere"));
    assert_null(os_symbol_find(""));
    assert_null(os_symbol_find("stdout")); // an object, not a function
}

static void
test_library_opened_for_its_opener(void **state)
{
    bool before = os_symbol_find("_ZSt17__throw_bad_allocv") != NULL; // a sanitizer brings it along

    (void)state;
    void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    assert_int_equal(dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv") != NULL, before);
    assert_non_null(address_of("_ZSt17__throw_bad_allocv"));
    assert_ptr_equal(address_of("_ZSt17__throw_bad_allocv"),
                     dlsym(library, "_ZSt17__throw_bad_allocv"));
    dlclose(library);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_linker),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_library_opened_for_its_opener),
    };

    return cmocka_run_group_tests_name("os_symbol", tests, NULL, NULL);
}
