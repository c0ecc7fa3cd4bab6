// SPDX-License-Identifier: MIT
//
// Runs one command and says what it took, for runner.py:
//
//   measure [-c CPU] [-e NAME=VALUE]… FD COMMAND [ARGUMENT]…
//
// -c binds the command to a CPU, -e adds to its environment only (this program must not run under
// the allocator that is measured). The result goes to descriptor FD, as lines `name value`, where
// `before` and `after` are the first line of /proc/stat.
//
// Why a program of its own: the kernel carries the peak memory of a process over exec, so a command
// started from an interpreter of 15 MiB would never be seen to need less. The child here is a copy
// of next to nothing. Clock and /proc/stat are read beside the fork for the same reason.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 256
#define ENVIRONMENT_MAX 32

struct job {
    char **command;
    char *environment[ENVIRONMENT_MAX];
    int environment_count;
    int cpu; // -1: any
    int result_fd;
};

static void
die(const char *what)
{
    perror(what);
    exit(125);
}

static uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// The line that sums all CPUs.
static void
read_cpu_line(char line[LINE_BYTES])
{
    int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, line, LINE_BYTES - 1);

    if (got <= 0) {
        die("measure: /proc/stat");
    }
    close(fd);
    line[got] = '\0';
    line[strcspn(line, "\n")] = '\0';
}

_Noreturn static void
become(const struct job *job)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); // nothing may go on when the driver is gone
    close(job->result_fd);
    if (job->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)job->cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) {
            die("measure: the CPU of -c");
        }
    }
    for (int i = 0; i < job->environment_count; i++) {
        putenv(job->environment[i]);
    }
    execvp(job->command[0], job->command);
    fprintf(stderr, "measure: ");
    perror(job->command[0]);
    _exit(127);
}

static void
run(const struct job *job)
{
    char before[LINE_BYTES];
    char after[LINE_BYTES];
    struct rusage usage;
    int status;

    read_cpu_line(before);
    uint64_t begin_ns = now_ns();
    pid_t child = fork();
    if (child < 0) {
        die("measure: fork");
    }
    if (child == 0) {
        become(job);
    }
    if (wait4(child, &status, 0, &usage) != child) {
        die("measure: wait4");
    }
    uint64_t wall_ns = now_ns() - begin_ns;
    read_cpu_line(after);
    dprintf(job->result_fd, "wall_ns %llu\nuser_us %lld\nsystem_us %lld\n",
            (unsigned long long)wall_ns,
            (long long)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec,
            (long long)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec);
    dprintf(job->result_fd, "peak_rss_kib %ld\nminor_faults %ld\nmajor_faults %ld\n",
            usage.ru_maxrss, usage.ru_minflt, usage.ru_majflt);
    dprintf(job->result_fd, "exit %d\nsignal %d\nbefore %s\nafter %s\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            WIFSIGNALED(status) ? WTERMSIG(status) : 0, before, after);
}

int
main(int argc, char **argv)
{
    struct job job = {.cpu = -1};
    int option;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while ((option = getopt(argc, argv, "+c:e:")) != -1) {
        if (option == 'c') {
            job.cpu = atoi(optarg);
        } else if (option == 'e' && job.environment_count < ENVIRONMENT_MAX) {
            job.environment[job.environment_count++] = optarg;
        } else {
            return 2;
        }
    }
    if (argc - optind < 2) {
        fprintf(stderr, "usage: measure [-c CPU] [-e NAME=VALUE] FD COMMAND [ARGUMENT]...\n");
        return 2;
    }
    job.result_fd = atoi(argv[optind]);
    job.command = argv + optind + 1;
    run(&job);
    return 0;
}
