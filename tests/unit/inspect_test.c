// SPDX-License-Identifier: MIT
//
// Unit test of policy/inspect.c (hardened): a heap after a random load raises no fault, one with a
// single wrong byte raises one, and nothing is written by looking.
// Reason: a false alarm at the end of a sound program would be the last that its user forgives.

#include "policy/inspect.h"

#include "apex.h"
#include "base/rng.h"

#include "../support/expect.h"
#include "../support/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 300

static void *slots[SLOTS];

// How a process ends that looks at its heap after `byte` was changed; NULL: none.
static int
end_of_inspection(char *byte)
{
    pid_t pid = fork();

    if (pid == 0) {
        close(STDERR_FILENO);
        if (byte != NULL) {
            *byte ^= 1;
        }
        inspect_heap(heap_self.heap, SIZE_MAX);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
load(void)
{
    struct rng rng;

    rng_seed(&rng, 5);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned at = (unsigned)(rng_next(&rng) % SLOTS);
        size_t size = (size_t)(rng_next(&rng) & ((UINT64_C(16) << rng_next(&rng) % 14) - 1));
        apex_free(slots[at]);
        slots[at] = apex_malloc(size);
        assert_non_null(slots[at]);
    }
}

static void
test_sound(void **state)
{
    (void)state;
    load();
    assert_int_equal(end_of_inspection(NULL), 0);
}

static void
test_wrong(void **state)
{
    char *live = apex_malloc(100);
    char *volatile freed = apex_malloc(200);

    (void)state;
    apex_free(freed);
    assert_int_equal(end_of_inspection(live + 100), SIGABRT);
    assert_int_equal(end_of_inspection(live + 107), SIGABRT);
    assert_int_equal(end_of_inspection(live - 1), SIGABRT);
    assert_int_equal(end_of_inspection(live - 8), SIGABRT);
    assert_int_equal(end_of_inspection(live + 99), 0); // its own
    assert_int_equal(end_of_inspection(freed + 5), SIGABRT);
    apex_free(live);
}

static void *
free_and_sweep(void *p)
{
    apex_free(p);
    apex_malloc_trim(0); // sends it home, and gives the pages back of what came home
    return NULL;
}

// What another thread freed, and whose pages are gone, headers and all, before its owner received
// it.
static void
test_purged(void **state)
{
    char *run = apex_malloc(300000);

    (void)state;
    memset(run, 1, 300000);
    thread_join(thread_start(free_and_sweep, run));
    assert_int_equal(end_of_inspection(NULL), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_purged),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
