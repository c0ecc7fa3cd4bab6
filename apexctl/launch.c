// SPDX-License-Identifier: MIT
//
// Running a program as its parent; see launch.h.

#include "apexctl/launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

bool
launch_find_library(enum find_what which, char out[FIND_PATH_BYTES])
{
    if (!find_file(which, out)) {
        fprintf(stderr, "apexctl: %s is not found; say where it is: %s=/path/%s\n",
                find_name(which), find_variable(which), find_name(which));
        return false;
    }
    // The dynamic linker takes a list, and knows no way to write these two in a name.
    if (strpbrk(out, " :") != NULL) {
        fprintf(stderr, "apexctl: LD_PRELOAD cannot name a path with a space or a colon: %s\n",
                out);
        return false;
    }
    return true;
}

bool
launch_extend(const char *variable, const char *item, char separator, bool in_front)
{
    const char *old = getenv(variable);
    size_t bytes = strlen(item) + (old == NULL ? 0 : strlen(old)) + 2;
    char *list = malloc(bytes);

    if (list == NULL) {
        return false;
    }
    if (old == NULL || old[0] == '\0') {
        snprintf(list, bytes, "%s", item);
    } else if (in_front) {
        snprintf(list, bytes, "%s%c%s", item, separator, old);
    } else {
        snprintf(list, bytes, "%s%c%s", old, separator, item);
    }
    bool good = setenv(variable, list, 1) == 0;
    free(list);
    return good;
}

// Whoever started us may have left children to nobody (SIGCHLD ignored). Ours has to be waited for,
// and finds it as we did.
static bool children_ignored;

enum exit_code
launch_exec(char **program)
{
    if (children_ignored) {
        signal(SIGCHLD, SIG_IGN);
    }
    execvp(program[0], program);
    int error = errno;
    fprintf(stderr, "apexctl: cannot run %s: %s\n", program[0], strerror(error));
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
}

static const int passed_on[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

void
launch_hold(sigset_t *signals, sigset_t *old)
{
    if (signal(SIGCHLD, SIG_DFL) == SIG_IGN) {
        children_ignored = true;
    }
    sigemptyset(signals);
    sigaddset(signals, SIGCHLD);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        sigaddset(signals, passed_on[i]);
    }
    sigprocmask(SIG_BLOCK, signals, old);
}

int
launch_attend(pid_t pid, const sigset_t *signals)
{
    siginfo_t info;
    int status = 0;

    while (waitpid(pid, &status, WNOHANG) != pid) {
        if (sigwaitinfo(signals, &info) <= 0 || info.si_signo == SIGCHLD) {
            continue;
        }
        // A signal of the terminal has reached the program already: it is of the same group.
        if (info.si_code != SI_KERNEL) {
            kill(pid, info.si_signo);
        }
    }
    return status;
}

enum exit_code
launch_end(int status)
{
    const struct rlimit no_core = {0, 0};
    sigset_t one;

    if (WIFEXITED(status)) {
        return (enum exit_code)WEXITSTATUS(status);
    }
    int number = WTERMSIG(status);
    setrlimit(RLIMIT_CORE, &no_core); // one core is enough
    signal(number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    return (enum exit_code)(128 + number);
}
