// SPDX-License-Identifier: MIT
//
// Unit test of os/lock.c: exclusion under contention, try, renew, order of ranks.
// Reason: every list of blocks stands behind this lock.

#include "os/lock.h"

#include "base/check.h"

#include "../support/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define THREADS 4
#define ROUNDS 50000

static struct lock lock = LOCK_INIT(LOCK_RANK_POOL);
static unsigned long counter; // plain: only the lock makes the sum right

static void *
count_main(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        lock_acquire(&lock);
        counter++;
        lock_release(&lock);
    }
    return NULL;
}

static void
test_exclusion(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_main, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(counter, THREADS * ROUNDS);
    assert_int_equal(lock.state, 0);
}

static void *
try_main(void *argument)
{
    *(bool *)argument = lock_try(&lock);
    return NULL;
}

static bool
try_elsewhere(void)
{
    pthread_t thread;
    bool taken = false;

    assert_int_equal(pthread_create(&thread, NULL, try_main, &taken), 0);
    pthread_join(thread, NULL);
    return taken;
}

static void
test_try(void **state)
{
    (void)state;
    assert_true(lock_try(&lock));
    assert_false(try_elsewhere());
    lock_release(&lock);
    assert_true(try_elsewhere());
    lock_renew(&lock); // its holder is gone
    assert_true(lock_try(&lock));
    lock_release(&lock);
}

// A holder that keeps the lock for long: the others sleep, and all are woken in their turn.
static void *
slow_main(void *argument)
{
    (void)argument;
    lock_acquire(&lock);
    usleep(2000);
    counter++;
    lock_release(&lock);
    return NULL;
}

static void
test_sleepers_are_woken(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    counter = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, slow_main, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(counter, THREADS);
}

// Debug builds end a program that takes locks against their order; others do not look.
static void
test_rank(void **state)
{
    const struct rlimit no_core = {0, 0};
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        static struct lock low = LOCK_INIT(LOCK_RANK_HEAPS);
        static struct lock high = LOCK_INIT(LOCK_RANK_META);
        setrlimit(RLIMIT_CORE, &no_core);
        close(STDERR_FILENO);
        lock_acquire(&low);
        lock_acquire(&high); // rising: allowed
        lock_release(&high);
        lock_release(&low);
        lock_acquire(&high);
        lock_acquire(&low); // falling
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (CHECK_DEBUG) {
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    } else {
        assert_int_equal(status, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exclusion),
        cmocka_unit_test(test_try),
        cmocka_unit_test(test_sleepers_are_woken),
        cmocka_unit_test(test_rank),
    };

    return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
