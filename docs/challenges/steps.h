// SPDX-License-Identifier: MIT
//
// For acceptance tests: how many instructions a call takes, counted one by one, as a debugger
// steps. The number does not depend on how fast the machine is or what else runs on it.

#ifndef CHALLENGE_STEPS_H
#define CHALLENGE_STEPS_H

#include "test.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void steps_call(size_t argument);

static inline void
steps_nothing(size_t argument)
{
    (void)argument;
}

// The child: stops before each call, and behind the last.
__attribute__((noreturn)) static inline void
steps_run(steps_call *call, const size_t *argument, size_t count)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(1);
    }
    call(argument[0]); // what is done once, like finding libc's functions, is done now
    raise(SIGSTOP);
    for (size_t i = 0; i <= count; i++) {
        raise(SIGSTOP);
        (i == 0 ? steps_nothing : call)(argument[i == 0 ? 0 : i - 1]);
    }
    raise(SIGSTOP);
    _exit(0);
}

// Steps from one stop of the child to its next.
static inline long
steps_to_stop(pid_t child)
{
    long steps = 0;
    int status;

    do {
        require(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0,
                "instructions cannot be counted here: ptrace is not allowed");
        require(waitpid(child, &status, 0) == child && WIFSTOPPED(status), "what is counted dies");
        steps++;
    } while (WSTOPSIG(status) == SIGTRAP);
    require(WSTOPSIG(status) == SIGSTOP, "what is counted gets signal %d", WSTOPSIG(status));
    return steps;
}

// The instructions that `call` takes for each of the arguments, into `steps`. It is called for one
// after the other, in a child.
static inline void
steps_count(steps_call *call, const size_t *argument, size_t count, long *steps)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        steps_run(call, argument, count);
    }
    require(waitpid(child, &status, 0) == child && WIFSTOPPED(status),
            "instructions cannot be counted here: ptrace is not allowed");
    steps_to_stop(child);
    long nothing = steps_to_stop(child);
    for (size_t i = 0; i < count; i++) {
        steps[i] = steps_to_stop(child) - nothing;
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

#endif
