// SPDX-License-Identifier: MIT
//
// Unit test of policy/gate.c: who is inside is waited for; who comes later waits.
// Reason: a fork in the middle of a delivery gives the child a torn list.

#include "policy/gate.h"

#include "../support/unit.h"

#include <stdatomic.h>

#define THREADS 3
#define CLOSURES 300

static struct gate_pass passes[THREADS];
static atomic_int inside; // how many are between enter and leave
static atomic_bool closed;
static atomic_bool stop;
static atomic_ulong passages;

static void *
pass_main(void *argument)
{
    struct gate_pass *pass = argument;

    while (!atomic_load(&stop)) {
        gate_enter(pass);
        atomic_fetch_add(&inside, 1);
        if (atomic_load(&closed)) {
            return "inside a closed gate";
        }
        atomic_fetch_sub(&inside, 1);
        gate_leave(pass);
        atomic_fetch_add(&passages, 1);
    }
    return NULL;
}

static void
test_nobody_inside_while_closed(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, pass_main, &passes[i]), 0);
    }
    for (unsigned n = 0; n < CLOSURES; n++) {
        unsigned long before;
        gate_close();
        for (unsigned i = 0; i < THREADS; i++) {
            gate_wait(&passes[i]);
        }
        atomic_store(&closed, true);
        assert_int_equal(atomic_load(&inside), 0);
        sched_yield();
        assert_int_equal(atomic_load(&inside), 0);
        atomic_store(&closed, false);
        before = atomic_load(&passages);
        gate_open();
        while (atomic_load(&passages) == before) { // those who waited go on
            sched_yield();
        }
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++) {
        void *complaint = NULL;
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nobody_inside_while_closed)};

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
