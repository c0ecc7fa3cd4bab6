// SPDX-License-Identifier: MIT
//
// What an allocator costs a program that hardly uses one: a command is started, and waited for,
// again and again. Metrics: the mean time of one, and its peak memory.
//
//   startup COUNT COMMAND [ARGUMENT]...

#include "common/bench.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void
must_be_done(int status)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        bench_die("the command failed");
    }
}

// By fork, because a child of posix_spawn is taken to have been as large as its parent.
static double
peak_rss_bytes(char **command)
{
    struct rusage usage;
    int status;
    pid_t child = fork();

    if (child == 0) {
        execv(command[0], command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        bench_die("fork");
    }
    must_be_done(status);
    return (double)usage.ru_maxrss * 1024;
}

int
main(int argc, char **argv)
{
    uint64_t count = bench_argument(argc, argv, 1, 0, 1);
    char **command = argv + 2;

    if (argc < 3) {
        bench_die("usage: startup COUNT COMMAND [ARGUMENT]...");
    }
    double bytes = peak_rss_bytes(command);
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        pid_t child;
        int status;
        if (posix_spawn(&child, command[0], NULL, NULL, command, environ) != 0 ||
            waitpid(child, &status, 0) != child) {
            bench_die("posix_spawn");
        }
        must_be_done(status);
    }
    uint64_t end_ns = bench_now_ns();
    bench_metric("time", (double)(end_ns - begin_ns) / 1e3 / (double)count, "us", false);
    bench_metric("peak_rss", bytes, "bytes", false);
    return 0;
}
