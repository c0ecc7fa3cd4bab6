// SPDX-License-Identifier: MIT
//
// For tests of what must not be written to: the attempt is made by the child of a fork.

#ifndef APEX_TESTS_WRITTEN_H
#define APEX_TESTS_WRITTEN_H

#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

// The signal that ends a process which writes to `p` what is there already; 0 if none does.
static inline int
signal_of_write(void *p)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); // sanitizers have their own way
        *(volatile char *)p = *(volatile char *)p;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#endif
