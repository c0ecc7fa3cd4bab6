// SPDX-License-Identifier: MIT
//
// apexctl run: a program on libapex. When a daemon serves, this process becomes the program.
// When none does, it starts a private one, and stays as the program's parent until the end:
// signals pass through to the program, its exit code or its signal comes back.

#include "apexctl/command.h"
#include "apexctl/find.h"
#include "apexctl/hint.h"
#include "apexctl/private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// --- What to run with ----------------------------------------------------------------------------

static bool
run_find_library(enum find_what which, char out[FIND_PATH_BYTES])
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

// Adds `item` to a list in the environment: in front, or at the end.
static bool
run_extend(const char *variable, const char *item, char separator, bool in_front)
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

// What goes into LD_PRELOAD.
struct run_libraries {
    char heap[FIND_PATH_BYTES];
    char guard[FIND_PATH_BYTES]; // in front of it; empty for none
};

static bool
run_find_libraries(bool hardened, bool guard, struct run_libraries *libraries)
{
    libraries->guard[0] = '\0';
    return run_find_library(hardened ? FIND_HARDENED : FIND_FAST, libraries->heap) &&
           (!guard || run_find_library(FIND_GUARD, libraries->guard));
}

static bool
run_environment(const struct run_libraries *libraries, const char *dir)
{
    char option[CALL_PATH_BYTES + 16];
    const char *guard = libraries->guard;

    snprintf(option, sizeof option, "runtime_dir=%s", dir);
    // Later entries win, so ours goes last.
    bool good = run_extend("LD_PRELOAD", libraries->heap, ':', true) &&
                (guard[0] == '\0' || run_extend("LD_PRELOAD", guard, ':', true)) &&
                (dir[0] == '\0' || run_extend("APEX_OPTIONS", option, ',', false));
    if (!good) {
        fputs("apexctl: short of memory\n", stderr);
    }
    return good;
}

// --- Running it ----------------------------------------------------------------------------------

static enum exit_code
run_exec(char **program)
{
    execvp(program[0], program);
    int error = errno;
    fprintf(stderr, "apexctl: cannot run %s: %s\n", program[0], strerror(error));
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
}

static const int passed_on[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

// Waits for the program's end and hands on signals. Returns its status as of waitpid.
static int
run_attend(pid_t pid, const sigset_t *signals)
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

// Ends as the program did. Returns only for an exit.
static enum exit_code
run_end(int status)
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

static enum exit_code
run_with_private(const struct run_libraries *libraries, const char *apexd, char **program)
{
    struct private_daemon daemon;
    sigset_t signals;
    sigset_t old;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        sigaddset(&signals, passed_on[i]);
    }
    // From here on, so that a signal that comes early is not lost but passed on.
    sigprocmask(SIG_BLOCK, &signals, &old);
    if (!private_start(&daemon, apexd)) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        return run_environment(libraries, "") ? run_exec(program) : EXIT_OTHER;
    }
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        _exit(run_environment(libraries, daemon.dir) ? run_exec(program) : EXIT_OTHER);
    }
    int status = pid < 0 ? 0 : run_attend(pid, &signals);
    private_stop(&daemon);
    if (pid < 0) {
        fprintf(stderr, "apexctl: cannot fork: %s\n", strerror(errno));
        return EXIT_OTHER;
    }
    return run_end(status);
}

// The options of `run`. Returns the index of the program, or 0 after the fault was named.
static int
run_options(int argc, char **argv, bool *hardened, bool *guard)
{
    int first = 1;

    for (; first < argc && argv[first][0] == '-'; first++) {
        if (strcmp(argv[first], "--") == 0) {
            first++;
            break;
        } else if (strcmp(argv[first], "--hardened") == 0) {
            *hardened = true;
        } else if (strcmp(argv[first], "--guard-copies") == 0) {
            *guard = true;
        } else {
            const char *known[] = {"--hardened", "--guard-copies"};
            fprintf(stderr, "apexctl: run has no option %s", argv[first]);
            command_end_with_hint(hint_nearest(argv[first], known, 2), "");
            return 0;
        }
    }
    if (first >= argc) {
        fputs("apexctl: run what? apexctl run -- PROGRAM [ARGUMENT]...\n", stderr);
        return 0;
    }
    return first;
}

enum exit_code
command_run(const char *runtime_dir, int argc, char **argv)
{
    struct run_libraries libraries;
    bool hardened = false;
    bool guard = false;
    char apexd[FIND_PATH_BYTES];
    char dir[CALL_PATH_BYTES];
    int first = run_options(argc, argv, &hardened, &guard);

    if (first == 0) {
        return EXIT_USAGE;
    }
    if (!run_find_libraries(hardened, guard, &libraries)) {
        return EXIT_OTHER;
    }
    if (!call_is_served(runtime_dir, dir)) {
        if (dir[0] != '\0') {
            fprintf(stderr, "apexctl: no apexd serves %s\n", dir);
            return EXIT_NO_DAEMON;
        }
        if (find_file(FIND_DAEMON, apexd)) {
            return run_with_private(&libraries, apexd, argv + first);
        }
        fputs("apexctl: no apexd is running and none is found; the program runs without it\n",
              stderr);
    }
    return run_environment(&libraries, dir) ? run_exec(argv + first) : EXIT_OTHER;
}
