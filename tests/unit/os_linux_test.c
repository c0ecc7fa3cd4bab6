// SPDX-License-Identifier: MIT
//
// Unit test of os/os_linux.c: the contract of os.h, call by call, against the running kernel.
// Reason: everything above believes what os.h says; here is where it is checked that it is so.

#include "os/os.h"

#include "base/bits.h"

#include "../support/unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#define MIB ((size_t)1 << 20)

static int
setup(void **state)
{
    (void)state;
    errno = 4711;
    return 0;
}

// Nothing in os.h may change errno, whether it fails or not.
static int
teardown(void **state)
{
    (void)state;
    return errno == 4711 ? 0 : -1;
}

static bool
is_resident(void *p)
{
    unsigned char there = 0;

    assert_int_equal(mincore(p, 1, &there), 0);
    return there & 1;
}

static void
test_reserve_aligned(void **state)
{
    (void)state;
    for (unsigned shift = 12; shift <= 26; shift++) {
        size_t align = (size_t)1 << shift;
        void *p = NULL;
        if (align < os_page_bytes()) {
            continue;
        }
        assert_int_equal(os_reserve(4 * MIB, align, 0, &p), 0);
        assert_true(((uintptr_t)p & (align - 1)) == 0);
        assert_int_equal(os_commit(p, 4 * MIB), 0);
        memset(p, 1, 4 * MIB); // all of it is there
        assert_int_equal(os_release(p, 4 * MIB), 0);
    }
}

// The kernel reads for us, and says EFAULT where it must not write.
static bool
writable(void *p)
{
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    bool done = read(zero, p, 1) == 1;

    errno = 4711;
    close(zero);
    return done;
}

static void
test_seal_keeps_contents(void **state)
{
    void *p = NULL;

    (void)state;
    assert_int_equal(os_reserve(MIB, os_page_bytes(), 0, &p), 0);
    assert_int_equal(os_commit(p, MIB), 0);
    volatile char *last = (char *)p + MIB - 1;
    *last = 'x';
    assert_int_equal(os_seal(p, MIB), 0);
    assert_int_equal(*last, 'x');
    assert_false(writable((char *)p));
    assert_false(writable((char *)p + MIB - 1));
    assert_int_equal(os_commit(p, MIB), 0);
    assert_int_equal(*last, 'x');
    assert_true(writable((char *)p));
    assert_int_equal(os_release(p, MIB), 0);
    assert_int_equal(os_seal(p, MIB), ENOMEM);
}

static unsigned long
address_space_pages(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    return pages;
}

// What is cut off around an aligned range goes back, and so does the range.
static void
test_reserve_leaks_no_addresses(void **state)
{
    unsigned long before = address_space_pages();

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        void *p = NULL;
        assert_int_equal(os_reserve(16 * MIB, 64 * MIB, 0, &p), 0);
        assert_int_equal(os_release(p, 16 * MIB), 0);
    }
    assert_true(address_space_pages() < before + 8 * MIB / os_page_bytes());
    errno = 4711;
}

static void
test_reserve_too_much(void **state)
{
    void *p = NULL;

    (void)state;
    assert_int_equal(os_reserve((size_t)1 << 60, 4096, 0, &p), ENOMEM);
    assert_int_not_equal(os_reserve(SIZE_MAX - 65535, (size_t)1 << 22, 0, &p), 0);
}

static void
test_commit_and_purge(void **state)
{
    unsigned char *p = NULL;
    void *out = NULL;

    (void)state;
    assert_int_equal(os_reserve(MIB, os_page_bytes(), 0, &out), 0);
    p = out;
    assert_int_equal(os_commit(p, MIB), 0);
    for (size_t i = 0; i < MIB; i++) {
        assert_int_equal(p[i], 0);
    }
    memset(p, 0x77, MIB);
    assert_int_equal(os_purge(p, MIB / 2), 0);
    assert_false(is_resident(p));
    assert_true(is_resident(p + MIB / 2));
    for (size_t i = 0; i < MIB; i++) {
        assert_int_equal(p[i], i < MIB / 2 ? 0 : 0x77);
    }
    assert_int_equal(os_release(p, MIB), 0);
}

static bool
is_accessible(char *p)
{
    int saved = errno;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    bool read_there = read(fd, p, 1) == 1;

    close(fd);
    errno = saved;
    return read_there;
}

// By the kernel's own means, where it has such, which it has not in locked memory.
static void
guard(char *p, size_t bytes)
{
    int error = os_guard(p, bytes);

    if (error != 0) {
        assert_int_equal(error, EINVAL);
        assert_true(is_accessible(p));
        assert_int_equal(os_guard_by_mapping(p, bytes), 0);
    }
}

// Two neighbouring ranges: what is guarded is gone, and what is opened reads as zero.
static void
assert_guards(char *p, bool locked_between)
{
    size_t bytes = 4 * os_page_bytes();

    memset(p, 7, 3 * bytes);
    guard(p, bytes);
    if (locked_between) {
        (void)mlock(p, 3 * bytes); // done, though it fails for want of pages behind a guard
        errno = 4711;
    }
    guard(p + bytes, bytes);
    assert_false(is_accessible(p));
    assert_false(is_accessible(p + 2 * bytes - 1));
    assert_int_equal(p[2 * bytes], 7);
    os_unguard(p, 2 * bytes);
    assert_int_equal(os_commit(p, 2 * bytes), 0);
    for (size_t i = 0; i < 2 * bytes; i++) {
        assert_int_equal(p[i], 0);
    }
    memset(p, 7, 3 * bytes);
}

// The kernel makes no guards of its own in locked memory, and takes the pages of no other call that
// does not name it; a program may lock its memory at any time.
static void
test_guard(void **state)
{
    void *p;

    (void)state;
    assert_int_equal(os_reserve(MIB, MIB, 0, &p), 0);
    assert_int_equal(os_commit(p, MIB), 0);
    assert_guards(p, false);
    assert_guards(p, true);  // the first one is made before
    assert_guards(p, false); // locked all the time
    assert_int_equal(os_decommit(p, MIB), 0);
    assert_int_equal(os_commit(p, MIB), 0);
    assert_int_equal(*(char *)p, 0);
    assert_int_equal(os_release(p, MIB), 0);
}

static void
test_move_keeps_contents(void **state)
{
    void *from = NULL;
    void *to = NULL;

    (void)state;
    assert_int_equal(os_reserve(MIB, 4 * MIB, 0, &from), 0);
    assert_int_equal(os_commit(from, MIB), 0);
    memset(from, 0x33, MIB);
    assert_int_equal(os_reserve(2 * MIB, 4 * MIB, 0, &to), 0);
    assert_int_equal(os_move(from, MIB, 2 * MIB, to), 0);
    for (size_t i = 0; i < 2 * MIB; i++) {
        assert_int_equal(((unsigned char *)to)[i], i < MIB ? 0x33 : 0);
    }
    assert_int_equal(os_release(to, 2 * MIB), 0);
}

static void
test_grow_in_place(void **state)
{
    void *p = NULL;

    (void)state;
    assert_int_equal(os_reserve(2 * MIB, 4 * MIB, 0, &p), 0);
    assert_int_equal(os_release((char *)p + MIB, MIB), 0);
    assert_int_equal(os_commit(p, MIB), 0);
    memset(p, 0x44, MIB);
    if (os_grow(p, MIB, 2 * MIB) == 0) {
        assert_int_equal(((unsigned char *)p)[MIB - 1], 0x44);
        assert_int_equal(((unsigned char *)p)[2 * MIB - 1], 0);
        assert_int_equal(os_release(p, 2 * MIB), 0);
    } else {
        assert_int_equal(((unsigned char *)p)[0], 0x44);
        assert_int_equal(os_release(p, MIB), 0);
    }
    // And with something behind it, it must refuse.
    assert_int_equal(os_reserve(2 * MIB, 4 * MIB, 0, &p), 0);
    assert_int_equal(os_commit(p, MIB), 0);
    assert_int_not_equal(os_grow(p, MIB, 3 * MIB), 0);
    assert_int_equal(os_release(p, 2 * MIB), 0);
}

static void
test_random(void **state)
{
    uint64_t a[4] = {0};
    uint64_t b[4] = {0};

    (void)state;
    os_random(a, sizeof a);
    os_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(a[i] != 0);
    }
}

static void
test_clock_and_ids(void **state)
{
    uint64_t before = os_now_ns();
    struct timespec pause = {0, 20000000};

    (void)state;
    nanosleep(&pause, NULL);
    assert_true(os_now_ns() >= before + 10000000);
    assert_int_equal(os_thread_id(), getpid());
    assert_int_equal(os_process_id(), getpid());
    assert_false(os_thread_is_gone(os_thread_id()));
    assert_true(os_thread_is_gone(INT32_MAX)); // more than the kernel can have
    assert_false(os_secure());
    assert_int_equal(os_page_bytes(), sysconf(_SC_PAGESIZE));
    os_yield();
}

static void
test_read_file(void **state)
{
    char name[] = "/tmp/os_linux_test.XXXXXX";
    char text[64];
    size_t length = 99;
    int fd = mkstemp(name);

    (void)state;
    assert_true(fd >= 0);
    errno = 4711;
    assert_int_equal(os_read_file(name, text, sizeof text, &length), 0);
    assert_int_equal(length, 0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(os_read_file(name, text, sizeof text, &length), 0);
    assert_int_equal(length, 10);
    assert_memory_equal(text, "0123456789", 10);
    assert_int_equal(os_read_file(name, text, 9, &length), EFBIG);
    close(fd);
    unlink(name);
    assert_int_equal(os_read_file(name, text, sizeof text, &length), ENOENT);
    assert_int_not_equal(os_read_file("/proc/self", text, sizeof text, &length), 0); // a folder
    errno = 4711;
}

static uint32_t word;

static void *
wake_main(void *argument)
{
    struct timespec pause = {0, 20000000};

    (void)argument;
    nanosleep(&pause, NULL);
    __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
    os_futex_wake(&word, 1);
    return NULL;
}

static void
test_futex(void **state)
{
    pthread_t thread;

    (void)state;
    word = 5;
    os_futex_wait(&word, 4); // not equal: returns at once
    word = 0;
    assert_int_equal(pthread_create(&thread, NULL, wake_main, NULL), 0);
    while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0) {
        os_futex_wait(&word, 0);
    }
    pthread_join(thread, NULL);
    errno = 4711;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reserve_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reserve_too_much, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commit_and_purge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_guard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_move_keeps_contents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grow_in_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock_and_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_futex, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seal_keeps_contents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reserve_leaks_no_addresses, setup, teardown),
    };

    return cmocka_run_group_tests_name("os_linux", tests, NULL, NULL);
}
