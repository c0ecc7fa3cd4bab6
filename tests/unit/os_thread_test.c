// SPDX-License-Identifier: MIT
//
// Unit test of os/os_thread.c. Reason: a thread of ours inside somebody's program must handle none
// of its signals, and be recognised by whoever looks at its threads.

#include "os/os_thread.h"

#include "../support/unit.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>

static sem_t done;
static char name[16];
static sigset_t blocked;
static bool detached;

static void
thread_main(void)
{
    pthread_attr_t attributes;
    int state = PTHREAD_CREATE_JOINABLE;

    prctl(PR_GET_NAME, name, 0, 0, 0);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getdetachstate(&attributes, &state);
        pthread_attr_destroy(&attributes);
    }
    detached = state == PTHREAD_CREATE_DETACHED;
    sem_post(&done);
}

static void
test_a_thread_apart(void **state)
{
    sigset_t mine;

    (void)state;
    sem_init(&done, 0, 0);
    errno = 4711;
    assert_int_equal(os_thread_start(thread_main, "apex-test"), 0);
    assert_int_equal(errno, 4711);
    while (sem_wait(&done) != 0) {
    }
    assert_string_equal(name, "apex-test");
    assert_true(detached);
    for (int number = 1; number < 32; number++) {
        bool never = number == SIGKILL || number == SIGSTOP;
        assert_int_equal(sigismember(&blocked, number), never ? 0 : 1);
    }
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGINT), 0); // the maker's are as they were
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_thread_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
