// SPDX-License-Identifier: MIT
//
// A storm of forks while other threads allocate and free each other's memory.
// Reason: the child gets a copy of the heap at an instant when every other thread may be in the
// middle of anything. It must be able to read what lived, to free what dead threads had allocated,
// to allocate, and to start threads of its own; and the parent must not notice.

#include "apex.h"
#include "../support/expect.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS 4
#define FORKS (UNDER_TSAN ? 20 : 300)
#define SLOTS 512
#define CHILD_OBJECTS 3000
#define PATIENCE_S 60

// gcc's AddressSanitizer does not take its own allocator's locks for fork: a child that starts a
// thread may wait for one of them for ever.
#if defined(__SANITIZE_ADDRESS__)
#define CHILD_THREADS 0
#else
#define CHILD_THREADS (!UNDER_TSAN)
#endif

struct slot {
    atomic_flag busy;
    void *object;
    unsigned size;
};

static struct slot slots[SLOTS];
static atomic_bool stop;

static uint64_t
next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

// Puts a new object into a random slot, and frees what was there, whoever made it.
static void
exchange_one(uint64_t *state)
{
    struct slot *s = &slots[next_random(state) % SLOTS];
    unsigned size = (unsigned)(next_random(state) % (next_random(state) % 64 == 0 ? 100000 : 400));
    void *new;
    void *old;
    unsigned old_size;

    new = apex_malloc(size);
    expect(new != NULL);
    pattern_fill(new, size);
    while (atomic_flag_test_and_set_explicit(&s->busy, memory_order_acquire)) {
        sched_yield();
    }
    old = s->object;
    old_size = s->size;
    s->object = new;
    s->size = size;
    atomic_flag_clear_explicit(&s->busy, memory_order_release);
    if (old != NULL) {
        pattern_expect(old, old_size);
        apex_free(old);
    }
}

static void *
storm_main(void *argument)
{
    uint64_t state = (uint64_t)(uintptr_t)argument;

    while (!atomic_load(&stop)) {
        exchange_one(&state);
    }
    return NULL;
}

static void *
child_thread_main(void *argument)
{
    uint64_t state = (uint64_t)(uintptr_t)argument;

    for (unsigned i = 0; i < CHILD_OBJECTS; i++) {
        exchange_one(&state);
    }
    return NULL;
}

static _Noreturn void
child_main(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        // A slot whose thread was just at it is not to be used, and not to be waited for.
        if (atomic_flag_test_and_set(&slots[i].busy)) {
            slots[i].object = NULL;
        } else if (slots[i].object != NULL) {
            pattern_expect(slots[i].object, slots[i].size);
            if (i % 2 == 0) {
                apex_free(slots[i].object);
                slots[i].object = NULL;
            }
        }
        atomic_flag_clear(&slots[i].busy);
    }
    child_thread_main((void *)(uintptr_t)getpid());
    if (CHILD_THREADS) {
        pthread_t thread = thread_start(child_thread_main, (void *)1);
        thread_join(thread);
    }
    _exit(0);
}

// A child that hangs, perhaps on a lock that a dead thread held, is a failure, not a wait for ever.
static void
wait_for(pid_t child)
{
    struct timespec pause = {0, 1000000};
    int status = 0;

    for (unsigned i = 0; i < PATIENCE_S * 1000; i++) {
        if (waitpid(child, &status, WNOHANG) == child) {
            expect(WIFEXITED(status));
            expect(WEXITSTATUS(status) == 0);
            return;
        }
        nanosleep(&pause, NULL);
    }
    kill(child, SIGABRT);
    expect(!"the child hangs");
}

int
main(void)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = thread_start(storm_main, (void *)(i + 1));
    }
    for (unsigned i = 0; i < FORKS; i++) {
        pid_t child = fork();
        expect(child >= 0);
        if (child == 0) {
            child_main();
        }
        wait_for(child);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].object != NULL) {
            pattern_expect(slots[i].object, slots[i].size);
            apex_free(slots[i].object);
        }
    }
    return 0;
}
