// SPDX-License-Identifier: MIT
//
// Unit test of core/guard.c (hardened): which pages of a superblock can be accessed, as blocks
// become runs and blocks again, and as a run's object is hidden and shown.
// Reason: one guard too many kills a sound program, and one too few stops no overflow.

#include "core/guard.h"

#include "os/os.h"

#include "../support/unit.h"

#include <unistd.h>

#define PAGE 4096u

static char *base;

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
        assert_int_equal(accessible(first + at), at != count * BLOCK_BYTES - PAGE);
    }
}

static void
assert_guarded(char *first, unsigned count)
{
    for (size_t at = 0; at < count * BLOCK_BYTES; at += PAGE) {
        assert_false(accessible(first + at));
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
    assert_false(accessible(base));
    assert_false(accessible(base + BLOCK_BYTES - 1));
}

static void
test_runs(void **state)
{
    char *first = base + 5 * BLOCK_BYTES;

    (void)state;
    guard_make_run(first, 0, 1, false);
    assert_run(first, 1);
    guard_make_run(first, 1, 3, false);
    assert_run(first, 3);
    guard_make_run(first, 3, 4, false);
    assert_run(first, 4);
    guard_break_run(first, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_run(first + i * BLOCK_BYTES, 1);
    }
    guard_make_run(first, 0, 1, true);
    assert_run(first, 1);
    first[0] = 1;
    assert_int_equal(guard_purge(first, 4), 0);
    assert_guarded(first, 4);
    guard_make_run(first, 0, 2, false);
    assert_run(first, 2);
    assert_int_equal(first[0], 0);
}

static void
test_hidden_object(void **state)
{
    char *first = base + 9 * BLOCK_BYTES;
    struct block *b = geometry_descriptor(first);
    unsigned c = CLASS_RUN + 1;

    (void)state;
    guard_make_run(first, 0, 3, false);
    block_init(b, first, c, 3, NULL, 1);
    b->base[HEADER_BYTES] = 1;
    assert_true(guard_hide(b));
    for (size_t at = 0; at < 3 * BLOCK_BYTES; at += PAGE) {
        assert_int_equal(accessible(first + at), at == 0);
    }
    assert_true(guard_show(b));
    assert_int_equal(b->base[HEADER_BYTES], 0);
    b->base[b->chunk_bytes - 1] = 1;
    assert_run(first, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_superblock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hidden_object, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
