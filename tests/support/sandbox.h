// SPDX-License-Identifier: MIT
//
// For tests: a sandbox of one rule, put around the calling thread for the rest of its life.

#ifndef APEX_TESTS_SANDBOX_H
#define APEX_TESTS_SANDBOX_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// From now on `number` is answered by `error`; if `third` is not negative, only when the third
// argument has that value. False when the kernel does not take the filter.
static inline bool
sandbox_refuse(long number, int error, int third)
{
    const uint32_t at = offsetof(struct seccomp_data, args) + 2 * sizeof(uint64_t);
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)third, 0, third < 0 ? 0 : 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof rules / sizeof rules[0], rules};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// Runs `body` in a child, for a sandbox stays, and what was remembered of it. True if it ran and
// returned true. errno stays.
static inline bool
sandbox_child(bool (*body)(void))
{
    int before = errno;
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        _exit(body() ? 0 : 1);
    }
    bool ended = child > 0 && waitpid(child, &status, 0) == child;
    errno = before;
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
