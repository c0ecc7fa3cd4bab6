// SPDX-License-Identifier: MIT
//
// A process with one thread forks in the handler of a signal that interrupts malloc.
// Reason: POSIX allowed it for long, glibc has it work as long as there is one thread, and programs
// do it in handlers of SIGCHLD or of a timer. A fork that waited for the lock of the function that
// was interrupted would wait for itself.

#include "apex.h"
#include "policy/pool.h"

#include "../support/expect.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 20
#define SECONDS_MAX 60 // much more than it takes: only a deadlock lasts so long

static pid_t child;
static bool raised;

static void
handler(int number)
{
    (void)number;
    child = fork();
}

// Called with the pool's lock held.
static void
interrupt(struct block *block, void *context)
{
    (void)block;
    (void)context;
    if (!raised) {
        raised = true;
        raise(SIGUSR1);
    }
}

static void
allocate_much(void)
{
    for (size_t size = 64; size <= (4u << 20); size *= 2) {
        void *object = apex_malloc(size);
        expect(object != NULL);
        pattern_fill(object, size);
        apex_free(object);
    }
    expect(apex_malloc_trim(0) >= 0);
}

int
main(void)
{
    if (UNDER_TSAN) {
        return 0; // which has a thread of its own: there is no process with one
    }
    alarm(SECONDS_MAX);
    expect(signal(SIGUSR1, handler) != SIG_ERR);
    for (unsigned i = 0; i < ROUNDS; i++) {
        void *object = apex_malloc(100 + i * 1000);
        expect(object != NULL);
        raised = false;
        pool_visit_blocks(interrupt, NULL);
        expect(raised && child >= 0);
        allocate_much();
        apex_free(object);
        if (child == 0) {
            _exit(0);
        }
        int status;
        expect(waitpid(child, &status, 0) == child);
        expect(status == 0);
    }
    return 0;
}
