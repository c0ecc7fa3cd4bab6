// SPDX-License-Identifier: MIT
//
// Unit test of os/os_unwind.c: stacks held against what glibc's own unwinder says.
// Reason: it reads tables of strangers while a program allocates; it must be right or stop.

#include "os/os_unwind.h"

#include "../support/unit.h"

#include <execinfo.h>

#define DEPTH 32

static uintptr_t ours[DEPTH];
static unsigned ours_count;
static void *theirs[DEPTH];
static int theirs_count;

// Both stacks from one function; their innermost addresses are two places in it.
static __attribute__((noinline)) void
look(void)
{
    theirs_count = backtrace(theirs, DEPTH);
    ours_count = os_unwind(ours, DEPTH);
}

static void
compare(void)
{
    assert_in_range(theirs_count, 3, DEPTH);
    assert_int_equal(ours_count, theirs_count);
    for (unsigned i = 1; i < ours_count; i++) {
        assert_int_equal(ours[i], (uintptr_t)theirs[i]);
    }
}

static void
test_as_glibc(void **state)
{
    (void)state;
    look();
    compare();
}

static __attribute__((noinline)) unsigned
deep(unsigned n)
{
    unsigned below = 0;

    if (n == 0) {
        look();
    } else {
        below = deep(n - 1);
    }
    __asm__ volatile("" ::: "memory"); // not a tail call
    return below + 1;
}

static void
test_bounded(void **state)
{
    (void)state;
    assert_int_equal(deep(100), 101);
    assert_int_equal(ours_count, DEPTH);
    for (unsigned i = 1; i < DEPTH; i++) {
        assert_int_equal(ours[i], (uintptr_t)theirs[i]);
    }
}

// A function that aligns its frame, and one whose frame has a size of its own.
static __attribute__((noinline)) void
aligned(unsigned n)
{
    char big[64] __attribute__((aligned(256)));
    char own[n];

    memset(big, 1, sizeof big);
    memset(own, 1, n);
    look();
    __asm__ volatile("" ::"r"(big), "r"(own) : "memory");
}

static void
test_odd_frames(void **state)
{
    (void)state;
    aligned(1000);
    compare();
}

static int
by_qsort(const void *a, const void *b)
{
    look();
    return *(const int *)a - *(const int *)b;
}

// Through a library that was compiled without frame pointers.
static void
test_through_libc(void **state)
{
    int numbers[] = {2, 1};

    (void)state;
    qsort(numbers, 2, sizeof numbers[0], by_qsort);
    compare();
}

static void *
in_thread(void *unused)
{
    look();
    return unused;
}

static void
test_thread(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, in_thread, NULL), 0);
    pthread_join(thread, NULL);
    compare();
}

static void
test_keeps_errno(void **state)
{
    (void)state;
    errno = 77;
    ours_count = os_unwind(ours, DEPTH);
    assert_int_equal(errno, 77);
    assert_int_equal(os_unwind(ours, 0), 0);
}

// Now the rules of most addresses are remembered.
static void
test_again(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        test_as_glibc(state);
        test_bounded(state);
        test_odd_frames(state);
        test_through_libc(state);
    }
}

#define ROUNDS 3000

static __attribute__((noinline)) unsigned
many_places(unsigned n, uintptr_t *pc)
{
    // Each call is another address to remember.
    switch (n % 4) {
    case 0:
        return os_unwind(pc, DEPTH) + (unsigned)(pc[0] == 0);
    case 1:
        return many_places(n / 4, pc) + (unsigned)(pc[0] == 0);
    case 2:
        return many_places(n / 4, pc) + (unsigned)(pc[1] == 0);
    default:
        return many_places(n / 4, pc) + (unsigned)(pc[2] == 0);
    }
}

static void *
unwind_all_the_time(void *wrong)
{
    static const unsigned paths[] = {0x1b, 0xe7, 0x39, 0x9e, 0x2d, 0x76};
    uintptr_t first[6][DEPTH];
    uintptr_t now[DEPTH];
    unsigned depth[6];

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned path = i % 6;
        memset(now, 0, sizeof now);
        unsigned found = many_places(paths[path], now);
        if (i < 6) {
            depth[path] = found;
            memcpy(first[path], now, sizeof now);
        } else if (found != depth[path] ||
                   memcmp(now, first[path], found * sizeof now[0]) != 0) {
            return wrong;
        }
    }
    return NULL;
}

// All of them read and write the same places in the table.
static void
test_many_threads(void **state)
{
    pthread_t thread[4];
    void *wrong;

    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, unwind_all_the_time, state), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(thread[i], &wrong);
        assert_null(wrong);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_glibc),     cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_odd_frames),   cmocka_unit_test(test_through_libc),
        cmocka_unit_test(test_thread),       cmocka_unit_test(test_keeps_errno),
        cmocka_unit_test(test_again),        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
