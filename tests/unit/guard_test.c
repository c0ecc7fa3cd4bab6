// SPDX-License-Identifier: MIT
//
// Unit test of core/guard.c (hardened): which pages of a superblock can be accessed, as blocks
// become runs and blocks again.
// Kernels with larger pages than a guard have none: there all of it can.
// Reason: one guard too many kills a sound program, and one too few stops no overflow.

#include "core/guard.h"

#include "os/os.h"

#include "../support/unit.h"

#include <unistd.h>

#define PAGE 4096u

static char *base;
static bool guards; // whether there are any

// Without a signal: the kernel says whether it can read there.
static bool
accessible(const char *p)
{
    static int fds[2] = {-1, -1};
    char byte;

    if (fds[0] < 0) {
        assert_int_equal(pipe(fds), 0);
    }
    if (write(fds[1], p, 1) != 1) {
        return false;
    }
    assert_int_equal(read(fds[0], &byte, 1), 1);
    return true;
}

static int
setup(void **state)
{
    (void)state;
    void *reserved;
    assert_int_equal(os_reserve(SUPERBLOCK_BYTES, SUPERBLOCK_BYTES, 0, &reserved), 0);
    assert_int_equal(os_commit(reserved, SUPERBLOCK_BYTES), 0);
    base = reserved;
    guards = os_page_bytes() <= GUARD_BYTES;
    guard_superblock(base);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    assert_int_equal(os_release(base, SUPERBLOCK_BYTES), 0);
    return 0;
}

static void
assert_run(char *first, unsigned count)
{
    for (size_t at = 0; at < count * BLOCK_BYTES; at += PAGE) {
        bool last = at == count * BLOCK_BYTES - PAGE;
        assert_int_equal(accessible(first + at), !(guards && last));
    }
}

static void
assert_guarded(char *first, unsigned count)
{
    for (size_t at = 0; at < count * BLOCK_BYTES; at += PAGE) {
        assert_int_equal(accessible(first + at), !guards);
    }
}

static void
test_superblock(void **state)
{
    (void)state;
    assert_guarded(base + BLOCK_BYTES, BLOCK_COUNT - 1);
    for (unsigned i = 0; i < BLOCK_COUNT; i++) {
        assert_true(accessible(geometry_descriptor(base + i * BLOCK_BYTES)));
    }
    assert_int_equal(accessible(base), !guards);
    assert_int_equal(accessible(base + BLOCK_BYTES - 1), !guards);
}

static void
test_runs(void **state)
{
    char *first = base + 5 * BLOCK_BYTES;
    struct block *b = geometry_descriptor(first);

    (void)state;
    guard_make_run(b, 0, 1);
    assert_run(first, 1);
    guard_make_run(b, 1, 3);
    assert_run(first, 3);
    guard_make_run(b, 3, 4);
    assert_run(first, 4);
    // Shorter ones in the same place, and what was between them.
    guard_make_run(b, 0, 2);
    assert_run(first, 2);
    guard_make_run(b + 2, 0, 1);
    assert_run(first + 2 * BLOCK_BYTES, 1);
    guard_make_run(b, 0, 4);
    assert_run(first, 4);
    first[0] = 1;
    guard_make_run(b, 0, 1);
    assert_run(first, 1);
    assert_int_equal(first[0], 1);
    assert_int_equal(guard_purge(b, 4), 0);
    assert_guarded(first, 4);
    guard_make_run(b, 0, 2);
    assert_run(first, 2);
    assert_int_equal(first[0], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_superblock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
