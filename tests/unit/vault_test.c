// SPDX-License-Identifier: MIT
//
// Unit test of core/vault.c (hardened): what lies in the vault is read-only but for the time
// between an open and its close; large objects work all the same, in several threads and in the
// children of forks; and when the arena is full, records come from elsewhere.
// Reason: a record left open protects nothing, and one left closed ends a sound program.

#include "core/vault.h"

#include "apex.h"
#include "core/large.h"
#include "core/registry.h"
#include "policy/config.h"

#include "../support/written.h"

#include <semaphore.h>

#define LARGE_BYTES ((size_t)2 << 20)
#define THREADS 3
#define ROUNDS 60
#define FORKS 20

static char *object;
static uint32_t forks_left = FORKS; // atomic

// The library starts with the option off, since nobody has set it.
static int
setup(void **state)
{
    (void)state;
    object = apex_malloc(LARGE_BYTES);
    if (object == NULL || signal_of_write(large_find(object)) != 0) {
        return -1;
    }
    registry_seal();
    vault_seal();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    apex_free(object);
    return 0;
}

// One address in each part.
static void
assert_writes_end_by(int expected)
{
    assert_int_equal(signal_of_write(large_find(object)), expected);
    assert_int_equal(signal_of_write(&vault.arena[sizeof vault.arena - 1]), expected);
    assert_int_equal(signal_of_write(&vault.large), expected);
    assert_int_equal(signal_of_write(&vault.sealed), expected);
}

// The registry opens for itself, one page at a time.
static void
test_registry(void **state)
{
    (void)state;
    assert_int_equal(signal_of_write(registry_map), SIGSEGV);
    uint8_t *kind = &registry_map[(uintptr_t)object >> SUPERBLOCK_SHIFT];
    assert_int_equal(signal_of_write(kind), SIGSEGV);
    assert_int_equal(signal_of_write(&registry_map[REGISTRY_COUNT - 1]), SIGSEGV);
    assert_int_equal(signal_of_write(registry_record(object)), SIGSEGV);
    vault_open();
    registry_mark((char *)SUPERBLOCK_BYTES, SUPERBLOCK_BYTES, REGISTRY_EMPTY);
    assert_int_equal(registry_kind_of((char *)SUPERBLOCK_BYTES), REGISTRY_EMPTY);
    registry_mark((char *)SUPERBLOCK_BYTES, SUPERBLOCK_BYTES, REGISTRY_NONE);
    assert_int_equal(signal_of_write(registry_map), SIGSEGV);
    vault_close();
}

static void
test_open_and_close(void **state)
{
    (void)state;
    assert_writes_end_by(SIGSEGV);
    vault_open();
    vault_open();
    vault_close();
    *(volatile unsigned *)&vault.large.cache.count = 0; // here: in a child it would be closed
    vault_close();
    assert_writes_end_by(SIGSEGV);
}

static void *
wait_main(void *done)
{
    sem_wait(done);
    return NULL;
}

static void
test_fork_closes(void **state)
{
    pthread_t thread;
    sem_t done;

    (void)state;
    assert_int_equal(sem_init(&done, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_main, &done), 0);
    vault_open(); // as the other thread might at that moment
    assert_writes_end_by(SIGSEGV);
    vault_close();
    sem_post(&done);
    pthread_join(thread, NULL);
}

// Each way to change a record, as long as somebody forks.
static void *
churn_main(void *argument)
{
    for (unsigned i = 0; i < ROUNDS || load_relaxed(&forks_left) != 0; i++) {
        char *p = apex_malloc(LARGE_BYTES + i % 64 * 4096);
        char *small = apex_malloc(i);
        char *empty = apex_malloc(0);
        if (p == NULL || empty == NULL) {
            return "no memory";
        }
        p[LARGE_BYTES - 1] = 'x';
        char *q = apex_realloc(p, 3 * LARGE_BYTES);
        if (q == NULL || q[LARGE_BYTES - 1] != 'x') {
            return "contents lost";
        }
        q = apex_realloc(q, LARGE_BYTES);
        if (q == NULL || q[LARGE_BYTES - 1] != 'x') {
            return "contents lost";
        }
        apex_free(q);
        apex_free(small);
        apex_free(empty);
    }
    return argument;
}

static void
test_threads_and_forks(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn_main, NULL), 0);
    }
    for (unsigned i = FORKS; i-- > 0;) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            char *p = apex_malloc(LARGE_BYTES);
            apex_free(p);
            _exit(p != NULL && config_tune("retain", 7) ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(signal_of_write(large_find(object)), SIGSEGV);
        store_relaxed(&forks_left, i);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *complaint;
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    assert_writes_end_by(SIGSEGV);
}

static void
test_arena_runs_full(void **state)
{
    bool in_arena = true;
    unsigned count = 0;
    char *last = NULL;

    (void)state;
    assert_int_equal((uintptr_t)vault_alloc(1) % 128, 0);
    for (; in_arena && count < 10000; count++) {
        char *p = vault_alloc(8192);
        assert_non_null(p);
        assert_int_equal(p[0] | p[8191], 0);
        in_arena = (uintptr_t)p - (uintptr_t)vault.arena < sizeof vault.arena;
        last = in_arena ? p : last;
        if (!in_arena) {
            p[8191] = 1; // an ordinary record
        }
    }
    assert_in_range(count, 900, 9999);
    assert_in_range(vault_bytes(), sizeof vault.arena - 8192, sizeof vault.arena);
    assert_int_equal(signal_of_write(last), SIGSEGV);
    void *p = apex_malloc(LARGE_BYTES);
    assert_non_null(p);
    apex_free(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_open_and_close),
        cmocka_unit_test(test_fork_closes),
        cmocka_unit_test(test_threads_and_forks),
        cmocka_unit_test(test_arena_runs_full),
    };

    return cmocka_run_group_tests_name("vault", tests, setup, teardown);
}
