// SPDX-License-Identifier: MIT
//
// Unit test of front/lifecycle.c: first use in a thread, last use, and use after the last one.
// Reason: threads end in an order that libraries do not choose; memory freed after our own end must
// neither be lost nor bring the heap down.

#include "front/lifecycle.h"

#include "apex.h"
#include "policy/pool.h"

#include "../support/unit.h"

#include <sys/wait.h>

#define KEYS 60 // beyond 32 pthread_setspecific allocates

static pthread_key_t keys[KEYS];
static int rounds;

// A destructor that frees, allocates again, and asks to be called once more.
static void
late_destructor(void *p)
{
    errno = 4711;
    apex_free(p);
    if (errno != 4711) {
        abort();
    }
    if (rounds-- > 0) {
        pthread_setspecific(keys[0], apex_malloc(500));
    }
}

static void *
exit_main(void *argument)
{
    for (unsigned i = 0; i < KEYS; i++) {
        pthread_setspecific(keys[i], apex_malloc(100 + i));
    }
    return argument;
}

static void
test_destructors_after_ours(void **state)
{
    struct apex_stats_process books;
    pthread_t thread;

    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(pthread_key_create(&keys[i], late_destructor), 0);
    }
    for (unsigned i = 0; i < 50; i++) {
        rounds = (int)(i % 8);
        assert_int_equal(pthread_create(&thread, NULL, exit_main, NULL), 0);
        pthread_join(thread, NULL);
    }
    pool_stats(&books);
    // A destructor that goes on past the last round leaves an object behind, which is its own
    // fault; but no heap stays open for each thread.
    assert_in_range(books.threads_started - books.threads_exited, 1, 30);
    for (unsigned i = 0; i < KEYS; i++) {
        pthread_key_delete(keys[i]);
    }
}

static void *
first_use_main(void *argument)
{
    bool *result = argument;

    errno = 4711;
    const struct heap *before = heap_self.heap;
    struct heap *heap = lifecycle_heap();
    result[0] = before == &heap_none;
    result[1] = heap != NULL && heap == heap_self.heap && heap == lifecycle_heap();
    result[2] = errno == 4711;
    heaps_close(heap);
    result[3] = lifecycle_heap_to_free() == NULL; // at its very end it gets no new one for a free
    apex_free(NULL);
    void *p = apex_malloc(10); // but for an allocation it does
    result[4] = p != NULL && heap_self.heap != &heap_gone;
    apex_free(p);
    return NULL;
}

static void
test_first_and_last_use(void **state)
{
    bool result[5] = {false};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, first_use_main, result), 0);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(result[i]);
    }
}

static void
test_fork(void **state)
{
    int status = 1;
    void *p = apex_malloc(100);

    (void)state;
    memset(p, 3, 100);
    pid_t child = fork();
    if (child == 0) {
        bool fine = ((char *)p)[99] == 3;
        for (unsigned i = 0; i < 5000; i++) {
            void *q = apex_malloc(i);
            fine = fine && q != NULL;
            apex_free(q);
        }
        apex_free(p);
        heap_audit(heap_self.heap);
        _exit(fine ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(((char *)p)[99], 3);
    apex_free(p);
    heap_audit(heap_self.heap);
}

// --- Registration of the fork handlers -----------------------------------------------------------

#define REGISTRARS 3

int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

static uint32_t registrations;
static bool registered;
static uint32_t early; // threads that came back before the handlers were there

int
__wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    add_relaxed(&registrations, 1);
    usleep(50000); // for the others to come
    int error = __real_pthread_atfork(prepare, parent, child);
    store_release(&registered, true);
    return error;
}

static void *
register_main(void *argument)
{
    lifecycle_register();
    if (!load_acquire(&registered)) {
        add_relaxed(&early, 1);
    }
    return argument;
}

// Before that of libapex, which is linked behind this file.
__attribute__((constructor(101))) static void
register_early(void)
{
    pthread_t thread[REGISTRARS];

    for (unsigned i = 0; i < REGISTRARS; i++) {
        if (pthread_create(&thread[i], NULL, register_main, NULL) != 0) {
            abort();
        }
    }
    register_main(NULL);
    for (unsigned i = 0; i < REGISTRARS; i++) {
        pthread_join(thread[i], NULL);
    }
}

// Whoever comes second waits for the first, and once is enough.
static void
test_register(void **state)
{
    (void)state;
    errno = 4711;
    lifecycle_register();
    assert_int_equal(errno, 4711);
    assert_int_equal(registrations, 1);
    assert_int_equal(early, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_destructors_after_ours),
        cmocka_unit_test(test_first_and_last_use),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_register),
    };

    return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
