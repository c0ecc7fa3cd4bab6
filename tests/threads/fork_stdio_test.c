// SPDX-License-Identifier: MIT
//
// A fork while one thread allocates with a stream's lock held, and another waits for that stream in
// fflush(NULL).
// Reason: getline() allocates with its stream locked, fflush(NULL) keeps the list of all streams
// locked while it waits for one, and glibc's fork waits for the list after our handlers have run.
// If they had taken our locks by then, each of the three would wait for the next for ever.

#include "apex.h"

#include "../support/expect.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ROUNDS 20
#define SECONDS_MAX 60 // much more than it takes: only a deadlock lasts so long

static int forker;           // its thread id
static int flusher;          // the same, 0 before it runs; atomic, as are the next
static unsigned fork_begins; // a handler that runs before ours has been called
static unsigned fork_is_over;

static int
thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

static void
await_sleep(int thread)
{
    char path[64];
    char text[256];
    const char *state;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    do {
        sched_yield();
        int fd = open(path, O_RDONLY);
        expect(fd >= 0);
        ssize_t length = read(fd, text, sizeof text - 1);
        close(fd);
        expect(length > 0);
        text[length] = '\0';
        state = strrchr(text, ')');
        expect(state != NULL);
    } while (state[2] != 'S');
}

// ThreadSanitizer complains in the child of threads that had ended and were not joined.
static void
await_end_of_fork(void)
{
    while (__atomic_load_n(&fork_is_over, __ATOMIC_ACQUIRE) == 0) {
        sched_yield();
    }
}

static void *
flush_all(void *argument)
{
    __atomic_store_n(&flusher, thread_id(), __ATOMIC_RELEASE);
    fflush(NULL);
    await_end_of_fork();
    return argument;
}

// What needs each lock that a thread may wait for in malloc: blocks of its own, and mappings.
static void
allocate_much(void)
{
    for (size_t size = 64; size <= (4u << 20); size *= 2) {
        void *object = apex_malloc(size);
        expect(object != NULL);
        pattern_fill(object, size);
        apex_free(object);
    }
}

// Allocates with the stream's lock held when the other two wait for it, and lets them go.
static void *
hold_stream(void *argument)
{
    FILE *stream = argument;

    flockfile(stream);
    pthread_t other = thread_start(flush_all, NULL);
    while (__atomic_load_n(&flusher, __ATOMIC_ACQUIRE) == 0) {
        sched_yield();
    }
    await_sleep(__atomic_load_n(&flusher, __ATOMIC_RELAXED));
    __atomic_store_n(&fork_begins, 1, __ATOMIC_RELEASE);
    await_sleep(forker);
    allocate_much();
    funlockfile(stream);
    thread_join(other);
    return NULL;
}

static void
await_others(void)
{
    while (__atomic_load_n(&fork_begins, __ATOMIC_ACQUIRE) == 0) {
        sched_yield();
    }
}

// The list of streams is nobody's afterwards, in either process.
static void
expect_streams_free(void)
{
    FILE *stream = fopen("/dev/null", "w");

    expect(stream != NULL);
    pthread_t thread = thread_start(flush_all, NULL);
    thread_join(thread);
    fclose(stream);
}

int
main(void)
{
    FILE *stream = fopen("/dev/null", "w");

    expect(stream != NULL);
    alarm(SECONDS_MAX);
    forker = thread_id();
    expect(pthread_atfork(await_others, NULL, NULL) == 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        flusher = 0;
        fork_begins = 0;
        fork_is_over = 0;
        pthread_t holder = thread_start(hold_stream, stream);
        pid_t child = fork();
        __atomic_store_n(&fork_is_over, 1, __ATOMIC_RELEASE);
        expect(child >= 0);
        if (child == 0) {
            alarm(SECONDS_MAX);
            if (!UNDER_TSAN) {
                expect_streams_free(); // needs a thread
            }
            allocate_much();
            _exit(0);
        }
        thread_join(holder);
        int status;
        expect(waitpid(child, &status, 0) == child);
        expect(status == 0);
        expect_streams_free();
    }
    return 0;
}
