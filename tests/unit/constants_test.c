// SPDX-License-Identifier: MIT
//
// Unit test of base/constants.h (hardened): what is declared so fills pages of its own, can be read
// and not written once the library has started, in the child of a fork as well; and options that
// may change do.
// Reason: a key that can be overwritten is none; and a page too many that is read-only kills a
// sound program.

#include "base/constants.h"

#include "apex.h"
#include "base/atomic.h"
#include "base/mac.h"
#include "os/os.h"
#include "policy/config.h"

#include "../support/written.h"

#define THREADS 4
#define TUNES 500
#define FORKS 20

static uint32_t forks_left; // atomic

// What allocates brings the constructor along, which makes them read-only.
static int
setup(void **state)
{
    *state = apex_malloc(1);
    return *state == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
    apex_free(*state);
    return 0;
}

static void
test_pages(void **state)
{
    size_t page = os_page_bytes();

    (void)state;
    assert_true((uintptr_t)constants_first < (uintptr_t)constants_end);
    assert_int_equal((uintptr_t)constants_first % page, 0);
    assert_int_equal((uintptr_t)constants_end % page, 0);
    assert_in_range((uintptr_t)&mac_secret, (uintptr_t)constants_first,
                    (uintptr_t)constants_end - sizeof mac_secret);
    assert_in_range((uintptr_t)config_get(), (uintptr_t)constants_first,
                    (uintptr_t)constants_end - sizeof(struct config));
    assert_int_equal(sizeof mac_secret % page, 0);
}

static void
test_read_only(void **state)
{
    static char other;

    (void)state;
    for (char *p = constants_first; p < constants_end; p += os_page_bytes()) {
        assert_int_equal(signal_of_write(p), SIGSEGV);
    }
    assert_int_equal(signal_of_write(&other), 0);
}

static void *
tune_main(void *argument)
{
    for (uint64_t i = 0; i < TUNES || load_relaxed(&forks_left) != 0; i++) {
        if (!config_tune("retain", i)) {
            return "refused";
        }
    }
    return argument;
}

static void
test_tuned_all_the_same(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, tune_main, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *complaint;
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    assert_int_equal(config_get()->retain, TUNES - 1);
    assert_int_equal(signal_of_write((char *)(uintptr_t)config_get()), SIGSEGV);
}

// A child that was forked while others tune can tune, too.
static void
test_tuned_in_a_child(void **state)
{
    pthread_t thread;
    int status;

    (void)state;
    store_relaxed(&forks_left, FORKS);
    assert_int_equal(pthread_create(&thread, NULL, tune_main, NULL), 0);
    for (unsigned i = FORKS; i-- > 0;) {
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            _exit(config_tune("retain", 7) && config_get()->retain == 7 ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        store_relaxed(&forks_left, i);
    }
    pthread_join(thread, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_tuned_all_the_same),
        cmocka_unit_test(test_tuned_in_a_child),
    };

    return cmocka_run_group_tests_name("constants", tests, setup, teardown);
}
