// SPDX-License-Identifier: MIT
//
// Asks a library what it thinks of options; see probe.h.

#include "apexctl/probe.h"

#include "apexctl/hint.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const option_keys[] = {
#define OPTION(field, key, type, min, max, initial, unit, when, text) key,
#include "libapex/tables/options.def"
};

int
probe_answer(void)
{
    const char *(*version)(void);
    void *symbol = dlsym(RTLD_DEFAULT, "apex_version");

    if (symbol != NULL) {
        memcpy(&version, &symbol, sizeof version); // ISO C knows no cast between the two
        puts(version());
    }
    return 0;
}

static _Noreturn void
probe_exec(const char *library, const char *options, const int fds[2])
{
    static char name[] = "apexctl";
    static char command[] = "doctor";
    static char argument[] = PROBE_ARGUMENT;
    char *arguments[] = {name, command, argument, NULL};

    if (dup2(fds[0], STDOUT_FILENO) >= 0 && dup2(fds[1], STDERR_FILENO) >= 0 &&
        setenv("LD_PRELOAD", library, 1) == 0 && setenv("APEX_OPTIONS", options, 1) == 0) {
        execv("/proc/self/exe", arguments);
    }
    _exit(127);
}

// The files are in memory, so that a process that says much cannot wait for us.
bool
probe_run(struct probe *probe, const char *library, const char *options)
{
    char *entries = NULL;
    int fds[2] = {memfd_create("out", MFD_CLOEXEC), memfd_create("error", MFD_CLOEXEC)};
    int status = -1;
    // Whoever ignores it is not told of his children's ends, and cannot wait for them.
    void (*of_children)(int) = signal(SIGCHLD, SIG_DFL);

    // At the end: what comes last is in force.
    if (asprintf(&entries, "%s%sregister=0", options == NULL ? "" : options,
                 options == NULL ? "" : ",") < 0) {
        entries = NULL;
    }
    memset(probe, 0, sizeof *probe);
    probe->rest = probe->said;
    pid_t pid = entries == NULL || fds[0] < 0 || fds[1] < 0 ? -1 : fork();
    if (pid == 0) {
        probe_exec(library, entries, fds);
    }
    if (pid > 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        bool good = pread(fds[0], probe->version, PROBE_BYTES - 1, 0) >= 0 &&
                    pread(fds[1], probe->said, PROBE_BYTES - 1, 0) >= 0;
        status = good ? status : -1;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    free(entries);
    signal(SIGCHLD, of_children);
    probe->version[strcspn(probe->version, "\n")] = '\0';
    return status == 0;
}

char *
probe_line(struct probe *probe, const char *prefix)
{
    while (*probe->rest != '\0') {
        char *line = probe->rest;
        size_t length = strcspn(line, "\n");
        probe->rest += length + (line[length] == '\n');
        line[length] = '\0';
        if (strncmp(line, prefix, strlen(prefix)) == 0) {
            return line + strlen(prefix);
        }
    }
    return NULL;
}

bool
probe_refused(struct probe *probe, char entry[PROBE_ENTRY_BYTES])
{
    const char *line = probe_line(probe, "libapex: option ignored: ");
    const char *nearest = NULL;
    char word[64];

    if (line == NULL) {
        return false;
    }
    if (strstr(line, "(no such option)") != NULL) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(line, " =?"), line);
        nearest = hint_nearest(word, option_keys, sizeof option_keys / sizeof option_keys[0]);
    }
    snprintf(entry, PROBE_ENTRY_BYTES, "%s%s%s%s", line, nearest == NULL ? "" : "; did you mean ",
             nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
    return true;
}

void
probe_pass_over(struct probe *probe, unsigned refused)
{
    char entry[PROBE_ENTRY_BYTES];

    while (refused > 0 && probe_refused(probe, entry)) {
        refused--;
    }
}
