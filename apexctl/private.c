// SPDX-License-Identifier: MIT
//
// Starts and stops a private apexd; see private.h. It is not of the terminal's foreground
// group, so a Ctrl-C meant for the program does not reach it, and it ends when apexctl does,
// however that ends.

#include "apexctl/private.h"

#include "libapex/abi/hello.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_WAIT_MS 10000
#define STOP_WAIT_MS 5000
#define STEP_MS 5
#define BASE_BYTES_MAX 60 // so that the sockets' addresses have room

static void
private_sleep(void)
{
    struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    nanosleep(&step, NULL);
}

// A name nobody else uses. The daemon makes the directory, and refuses one that belongs to another.
static bool
private_dir(char dir[CALL_PATH_BYTES])
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    const char *bases[] = {geteuid() != 0 ? xdg : "/run", "/tmp"};
    uint64_t random;

    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (bases[i] == NULL || bases[i][0] != '/' || strlen(bases[i]) > BASE_BYTES_MAX ||
            access(bases[i], W_OK | X_OK) != 0 ||
            getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
            continue;
        }
        snprintf(dir, CALL_PATH_BYTES, "%s/apexd-run-%016" PRIx64, bases[i], random);
        return true;
    }
    fputs("apexctl: there is no place for the sockets of apexd; set XDG_RUNTIME_DIR\n", stderr);
    return false;
}

static _Noreturn void
private_exec(const char *program, char *dir, pid_t parent)
{
    char option[] = "--runtime-dir";
    char name[] = "apexd";
    char *arguments[] = {name, option, dir, NULL};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setsid();
    // The parent may have been gone before the line above its wish.
    if (getppid() == parent) {
        unsetenv("LD_PRELOAD"); // what is watched should not be the watcher
        execv(program, arguments);
    }
    _exit(EXIT_NOT_FOUND);
}

static bool
private_exited(struct private_daemon *daemon)
{
    if (waitpid(daemon->pid, NULL, WNOHANG) != daemon->pid) {
        return false;
    }
    daemon->pid = 0;
    return true;
}

bool
private_start(struct private_daemon *daemon, const char *program)
{
    pid_t parent = getpid();
    struct call call;

    if (!private_dir(daemon->dir)) {
        return false;
    }
    daemon->pid = fork();
    if (daemon->pid == 0) {
        private_exec(program, daemon->dir, parent);
    }
    for (unsigned waited = 0; daemon->pid > 0 && waited < START_WAIT_MS; waited += STEP_MS) {
        if (call_open_quietly(&call, daemon->dir) == EXIT_OK) {
            call_close(&call);
            return true;
        }
        if (private_exited(daemon)) {
            break;
        }
        private_sleep();
    }
    fprintf(stderr, "apexctl: cannot start %s; the program runs without it\n", program);
    private_stop(daemon);
    return false;
}

// What a daemon leaves that was killed, or had no time to begin.
static void
private_clear(const char *dir)
{
    static const char *const names[] = {APEX_REGISTER_SOCKET, APEX_CONTROL_SOCKET,
                                        APEX_HTTP_SOCKET};
    char path[CALL_PATH_BYTES + 32];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

void
private_stop(struct private_daemon *daemon)
{
    if (daemon->pid > 0) {
        kill(daemon->pid, SIGTERM);
    }
    for (unsigned waited = 0; daemon->pid > 0 && !private_exited(daemon); waited += STEP_MS) {
        if (waited >= STOP_WAIT_MS) {
            kill(daemon->pid, SIGKILL);
        }
        private_sleep();
    }
    private_clear(daemon->dir);
}
