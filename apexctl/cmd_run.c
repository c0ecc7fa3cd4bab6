// SPDX-License-Identifier: MIT
//
// apexctl run: a program on libapex. When a daemon serves, this process becomes the program.
// When none does, it starts a private one, and stays as the program's parent until the end:
// signals pass through to the program, its exit code or its signal comes back.

#include "apexctl/command.h"
#include "apexctl/find.h"
#include "apexctl/hint.h"
#include "apexctl/launch.h"
#include "apexctl/private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- What to run with ----------------------------------------------------------------------------

// What goes into LD_PRELOAD.
struct run_libraries {
    char heap[FIND_PATH_BYTES];
    char guard[FIND_PATH_BYTES]; // in front of it; empty for none
};

static bool
run_find_libraries(bool hardened, bool guard, struct run_libraries *libraries)
{
    libraries->guard[0] = '\0';
    return launch_find_library(hardened ? FIND_HARDENED : FIND_FAST, libraries->heap) &&
           (!guard || launch_find_library(FIND_GUARD, libraries->guard));
}

static bool
run_environment(const struct run_libraries *libraries, const char *dir)
{
    char option[CALL_PATH_BYTES + 16];
    const char *guard = libraries->guard;

    snprintf(option, sizeof option, "runtime_dir=%s", dir);
    // Later entries win, so ours goes last.
    bool good = launch_extend("LD_PRELOAD", libraries->heap, ':', true) &&
                (guard[0] == '\0' || launch_extend("LD_PRELOAD", guard, ':', true)) &&
                (dir[0] == '\0' || launch_extend("APEX_OPTIONS", option, ',', false));
    if (!good) {
        fputs("apexctl: short of memory\n", stderr);
    }
    return good;
}

// --- Running it ----------------------------------------------------------------------------------

static enum exit_code
run_with_private(const struct run_libraries *libraries, const char *apexd, char **program)
{
    struct private_daemon daemon;
    sigset_t signals;
    sigset_t old;

    launch_hold(&signals, &old);
    if (!private_start(&daemon, apexd)) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        return run_environment(libraries, "") ? launch_exec(program) : EXIT_OTHER;
    }
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        _exit(run_environment(libraries, daemon.dir) ? launch_exec(program) : EXIT_OTHER);
    }
    int status = pid < 0 ? 0 : launch_attend(pid, &signals);
    private_stop(&daemon);
    if (pid < 0) {
        fprintf(stderr, "apexctl: cannot fork: %s\n", strerror(errno));
        return EXIT_OTHER;
    }
    return launch_end(status);
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

// The program may look for the socket from another folder, and libapex takes no other name.
static bool
run_make_absolute(char dir[CALL_PATH_BYTES])
{
    char *absolute = dir[0] == '\0' || dir[0] == '/' ? NULL : realpath(dir, NULL);
    bool good = absolute == NULL || strlen(absolute) < CALL_PATH_BYTES;

    if (absolute != NULL && good) {
        snprintf(dir, CALL_PATH_BYTES, "%s", absolute);
    }
    if (!good) {
        fprintf(stderr, "apexctl: the name of the runtime directory is too long: %s\n", absolute);
    }
    free(absolute);
    return good;
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
    return run_make_absolute(dir) && run_environment(&libraries, dir) ? launch_exec(argv + first)
                                                                      : EXIT_OTHER;
}
