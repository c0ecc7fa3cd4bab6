// SPDX-License-Identifier: MIT
//
// Unit test of core/guard.c (hardened): which pages of a superblock can be accessed, as blocks
// become runs and blocks again, by the kernel's own guards and by mappings. And, through
// policy/pool.c, where each costs mappings: how many there are, whether those that end make room
// for others, and what becomes of blocks that the kernel will not open.
// Kernels with larger pages than a guard have none: there all of it can.
// Reason: one guard too many kills a sound program, and one too few stops no overflow. A process
// may have 65530 mappings; beyond, memory was handed out that nobody could touch.

#include "core/guard.h"

#include "os/os.h"
#include "policy/pool.h"

#include "../support/unit.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096u

// So many blocks would have more guards than there may be: 160 superblocks full.
#define BLOCKS (160 * SUPERBLOCK_USABLE_BLOCKS)
#define GUARDS_MAX 8192

// Mappings that are none of the guards', and those of stretches behind blocks that go without.
#define OTHER_MAPPINGS_MAX 1000

static char *base;
static bool guards; // whether there are any
static struct block *runs[BLOCKS];
static bool old_kernel;  // it knows no guards, or all memory is locked
static bool opens_never; // it is out of mappings

int __real_madvise(void *address, size_t bytes, int advice);
int __wrap_madvise(void *address, size_t bytes, int advice);
int __real_mprotect(void *address, size_t bytes, int access);
int __wrap_mprotect(void *address, size_t bytes, int access);

int
__wrap_madvise(void *address, size_t bytes, int advice)
{
    if (old_kernel && advice == 102) { // MADV_GUARD_INSTALL; locked memory allows the opposite
        errno = EINVAL;
        return -1;
    }
    return __real_madvise(address, bytes, advice);
}

int
__wrap_mprotect(void *address, size_t bytes, int access)
{
    if (opens_never && access == (PROT_READ | PROT_WRITE)) {
        errno = ENOMEM;
        return -1;
    }
    return __real_mprotect(address, bytes, access);
}

static size_t
mappings(void)
{
    char text[4096];
    ssize_t got;
    size_t lines = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    while ((got = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            lines += text[i] == '\n' ? 1 : 0;
        }
    }
    close(fd);
    return lines;
}

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
setup_old(void **state)
{
    old_kernel = true;
    opens_never = false;
    return setup(state);
}

static int
teardown(void **state)
{
    (void)state;
    assert_int_equal(guard_release(base), 0);
    old_kernel = false;
    return 0;
}

static void
assert_opened(char *first, unsigned count)
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
    assert_opened(first, 1);
    guard_make_run(b, 1, 3);
    assert_opened(first, 3);
    guard_make_run(b, 3, 4);
    assert_opened(first, 4);
    // Shorter ones in the same place, and what was between them.
    guard_make_run(b, 0, 2);
    assert_opened(first, 2);
    guard_make_run(b + 2, 0, 1);
    assert_opened(first + 2 * BLOCK_BYTES, 1);
    guard_make_run(b, 0, 4);
    assert_opened(first, 4);
    first[0] = 1;
    guard_make_run(b, 0, 1);
    assert_opened(first, 1);
    assert_int_equal(first[0], 1);
    assert_int_equal(guard_purge(b, 4), 0);
    assert_guarded(first, 4);
    guard_make_run(b, 0, 2);
    assert_opened(first, 2);
    assert_int_equal(first[0], 0);
}

// --- By mappings ---------------------------------------------------------------------------------

static const char *
address_of(const struct block *b)
{
    return superblock_block_address(superblock_of(b), geometry_descriptor_index(b));
}

// True if its last page is guarded. All others can be accessed: the ends of each block are looked
// at.
static bool
assert_run(const struct block *b, unsigned count)
{
    size_t last = count * BLOCK_BYTES - PAGE;

    for (size_t at = 0; at < last; at += BLOCK_BYTES) {
        assert_true(accessible(address_of(b) + at));
        assert_true(at == 0 || accessible(address_of(b) + at - PAGE));
    }
    assert_true(accessible(address_of(b) + last - PAGE));
    return !accessible(address_of(b) + last);
}

static void
take(unsigned i, unsigned count)
{
    bool clean;

    runs[i] = pool_take(count, 0, 0, &clean);
    assert_non_null(runs[i]);
}

// Gives every `step`th of the first `count` back, and their pages.
static void
give(unsigned count, unsigned step)
{
    for (unsigned i = 0; i < count; i += step) {
        pool_give(runs[i]);
        runs[i] = NULL;
    }
    pool_trim(0);
}

// Takes the blocks that are missing, and returns how many of all have a guard, as is noted of each.
static unsigned
fill(unsigned count)
{
    unsigned guarded = 0;

    for (unsigned i = 0; i < count; i++) {
        if (runs[i] == NULL) {
            take(i, 1);
        }
        bool noted = (runs[i]->fence & FENCE_KIND) == FENCE_PAGE;
        assert_int_equal(assert_run(runs[i], 1), guards && noted);
        guarded += guards && noted ? 1 : 0;
    }
    assert_true(mappings() <= 2 * GUARDS_MAX + OTHER_MAPPINGS_MAX);
    return guarded;
}

// As many as before, but for the superblock that gets the last ones.
static void
assert_near(unsigned guarded, unsigned before)
{
    assert_true(guarded + SUPERBLOCK_USABLE_BLOCKS >= before);
    assert_true(guarded <= before + SUPERBLOCK_USABLE_BLOCKS);
}

// Guards of the kernel's own end after the memory was locked, and make no room for others. The
// first of these tests: later, the library is prepared for both kinds.
static void
test_locked_later(void **state)
{
    const unsigned some = 20 * SUPERBLOCK_USABLE_BLOCKS;

    (void)state;
    fill(2 * some);
    old_kernel = true;
    give(some, 2);
    fill(some);
    give(some, 1);
    fill(BLOCKS); // no more is possible
    give(2 * some, 3);
    fill(BLOCKS);
    give(BLOCKS, 1);
}

// More guards than there may be; and again after purges, of all memory and of parts, with and
// without superblocks that go, and of guards that were made before memory was locked.
static void
test_budget(void **state)
{
    const unsigned some = 20 * SUPERBLOCK_USABLE_BLOCKS;

    (void)state;
    unsigned guarded = fill(BLOCKS);
    assert_true(guarded < GUARDS_MAX);
    assert_true(!guards || guarded > GUARDS_MAX * 9 / 10);
    for (unsigned step = 2; step < 6; step++) {
        give(BLOCKS, step);
        fill(BLOCKS);
    }
    give(BLOCKS, 1);
    for (unsigned i = 0; i < 250; i++) {
        old_kernel = i % 8 != 7;
        for (unsigned k = 0; k < some; k++) {
            take(k, 1);
        }
        give(some, 2 + i % 3);
        old_kernel = true;
        fill(some);
        give(some, 1);
    }
    assert_near(fill(BLOCKS), guarded);
    give(BLOCKS, 1);
    pool_audit();
}

// Runs of many lengths, which leave holes between them, with the budget used up.
static void
test_holes(void **state)
{
    uint32_t random = 1;

    (void)state;
    unsigned guarded = fill(BLOCKS);
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            random = random * 1664525 + 1013904223;
            if (runs[i] != NULL && (random >> 30) != 0) {
                pool_give(runs[i]);
                runs[i] = NULL;
            }
        }
        pool_trim(0);
        for (unsigned i = 0; i < BLOCKS; i++) {
            random = random * 1664525 + 1013904223;
            unsigned count = 1 + (random >> 28) % (round % 2 == 0 ? 7 : 3);
            if (runs[i] == NULL) {
                take(i, count);
                assert_run(runs[i], count);
            }
        }
        assert_true(mappings() <= 2 * GUARDS_MAX + OTHER_MAPPINGS_MAX);
    }
    give(BLOCKS, 1);
    assert_near(fill(BLOCKS), guarded);
    give(BLOCKS, 1);
    pool_audit();
}

// What the kernel will not open is not handed out, and is there when it will.
static void
test_refused(void **state)
{
    bool clean;

    (void)state;
    take(0, 1);
    struct superblock *sb = superblock_of(runs[0]);
    opens_never = true;
    for (unsigned i = 0; i < BLOCK_COUNT && guards; i++) {
        uint64_t free = sb->free;
        assert_null(pool_take(1 + i % 4, 0, 0, &clean));
        assert_false(pool_extend(runs[0], 3));
        assert_int_equal(runs[0]->run_blocks, 1);
        assert_int_equal(sb->free, free);
        assert_int_equal(sb->dirty, 0);
        assert_run(runs[0], 1);
    }
    pool_audit();
    pool_give(runs[0]);
    take(0, 1); // the same again, of which nothing has to be opened
    assert_run(runs[0], 1);
    opens_never = false;
    bool room = geometry_descriptor_index(runs[0]) + 3 <= BLOCK_COUNT;
    assert_int_equal(pool_extend(runs[0], 3), room);
    assert_run(runs[0], room ? 3 : 1);
    give(1, 1);
    pool_audit();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_locked_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_superblock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_superblock, setup_old, teardown),
        cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_runs, setup_old, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup_old, teardown),
        cmocka_unit_test_setup_teardown(test_budget, setup_old, teardown),
        cmocka_unit_test_setup_teardown(test_holes, setup_old, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
