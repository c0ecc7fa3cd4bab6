// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/elf_file.c: this very program, and every way to cut it short or to spoil its
// heads. Reason: the file that doctor reads may be anybody's.

#include "apexctl/elf_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct elf_file file;

static void
test_this_program(void **state)
{
    bool libc = false;

    (void)state;
    assert_true(elf_file_read("/proc/self/exe", &file));
    assert_true(file.is_elf);
    assert_true(file.is_ours);
    assert_true(file.is_loaded);
    assert_int_equal(file.loader[0], '/');
    for (unsigned i = 0; i < file.needed_count; i++) {
        libc = libc || strcmp(file.needed[i], "libc.so.6") == 0;
    }
    assert_true(libc);
}

static void
test_other_files(void **state)
{
    (void)state;
    assert_true(elf_file_read("/etc/passwd", &file));
    assert_false(file.is_elf);
    assert_true(elf_file_read("/dev/null", &file));
    assert_false(file.is_elf);
    errno = 0;
    assert_false(elf_file_read("/nonexistent", &file));
    assert_int_equal(errno, ENOENT);
}

static char *
load(size_t *bytes)
{
    FILE *in = fopen("/proc/self/exe", "rb");
    char *text = malloc((size_t)8 << 20);

    assert_non_null(in);
    assert_non_null(text);
    *bytes = fread(text, 1, (size_t)8 << 20, in);
    fclose(in);
    return text;
}

static void
test_cut_short(void **state)
{
    size_t bytes;
    char *text = load(&bytes);

    (void)state;
    for (size_t length = 0; length < bytes; length += length < 4096 ? 1 : 997) {
        char *copy = malloc(length + 1); // so that a sanitizer sees a step too far
        memcpy(copy, text, length);
        elf_file_parse(copy, length, &file);
        assert_int_equal(file.is_elf, length >= sizeof(Elf64_Ehdr));
        free(copy);
    }
    free(text);
}

static void
test_spoilt(void **state)
{
    size_t bytes;
    char *text = load(&bytes);
    Elf64_Ehdr head;
    uint64_t random = 88172645463325252u;

    (void)state;
    memcpy(&head, text, sizeof head);
    char *sections = text + head.e_shoff;
    size_t section_bytes = (size_t)head.e_shnum * head.e_shentsize;
    for (unsigned i = 0; i < 20000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Most of the heads stay as they are, so that what depends on them is reached.
        char *at = i % 2 == 0 ? text + 16 + random % 1024 : sections + random % section_bytes;
        char old = *at;
        *at = (char)(random >> 32);
        elf_file_parse(text, bytes, &file);
        *at = old;
    }
    text[EI_CLASS] = ELFCLASS32;
    elf_file_parse(text, bytes, &file);
    assert_true(file.is_elf);
    assert_false(file.is_ours);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_this_program),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_spoilt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
