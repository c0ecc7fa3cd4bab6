// SPDX-License-Identifier: MIT
//
// Looks for files of this build or installation, and for programs; see find.h.

#include "apexctl/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef APEX_LIBDIR
#define APEX_LIBDIR "/usr/local/lib"
#endif
#ifndef APEX_PKGLIBEXECDIR
#define APEX_PKGLIBEXECDIR "/usr/local/libexec/apexalloc"
#endif
#ifndef APEX_SBINDIR
#define APEX_SBINDIR "/usr/local/sbin"
#endif

#define LIBRARY(variable, name)                                                                \
    {                                                                                          \
        variable, name, "/../libapex/.libs/" name, APEX_LIBDIR "/" name, "/../lib/" name, R_OK \
    }

static const struct {
    const char *variable;
    const char *name;
    const char *in_build;
    const char *installed;
    const char *moved;
    int mode;
} files[FIND_COUNT] = {
    [FIND_FAST] = LIBRARY("APEX_LIBRARY", "libapex.so.0"),
    [FIND_HARDENED] = LIBRARY("APEX_LIBRARY", "libapex-hardened.so.0"),
    [FIND_GUARD] = LIBRARY("APEX_GUARD_LIBRARY", "libapex-guard.so.0"),
    [FIND_RECORDER] = LIBRARY("APEX_TRACE_LIBRARY", "libapex-trace.so.0"),
    [FIND_REPLAY] = {"APEX_REPLAY", "apex-replay", "/apex-replay",
                     APEX_PKGLIBEXECDIR "/apex-replay", "/../libexec/apexalloc/apex-replay", X_OK},
    [FIND_DAEMON] = {"APEX_DAEMON", "apexd", "/../apexd/apexd", APEX_SBINDIR "/apexd",
                     "/../sbin/apexd", X_OK},
};

const char *
find_name(enum find_what what)
{
    return files[what].name;
}

const char *
find_variable(enum find_what what)
{
    return files[what].variable;
}

// The folder of this executable, without a slash at the end.
static void
find_own_folder(char out[FIND_PATH_BYTES])
{
    ssize_t length = readlink("/proc/self/exe", out, FIND_PATH_BYTES - 1);

    out[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(out, '/');
    *(slash == NULL ? out : slash) = '\0';
}

static bool
find_try(const char *folder, const char *name, int mode, char out[FIND_PATH_BYTES])
{
    int length = snprintf(out, FIND_PATH_BYTES, "%s%s", folder, name);
    return length > 0 && length < FIND_PATH_BYTES && access(out, mode) == 0;
}

bool
find_file(enum find_what what, char out[FIND_PATH_BYTES])
{
    const char *given = getenv(files[what].variable);
    int mode = files[what].mode;
    char folder[FIND_PATH_BYTES];
    char deeper[FIND_PATH_BYTES + 4];

    if (given != NULL && given[0] != '\0') {
        return find_try("", given, mode, out);
    }
    find_own_folder(folder);
    snprintf(deeper, sizeof deeper, "%s/..", folder);
    return find_try(folder, files[what].in_build, mode, out) ||
           find_try(deeper, files[what].in_build, mode, out) ||
           find_try("", files[what].installed, mode, out) ||
           find_try(folder, files[what].moved, mode, out);
}

bool
find_program(const char *name, char out[FIND_PATH_BYTES])
{
    const char *path = getenv("PATH");
    char folder[FIND_PATH_BYTES];

    if (strchr(name, '/') != NULL) {
        return find_try("", name, F_OK, out);
    }
    for (path = path == NULL ? "/usr/bin:/bin" : path; *path != '\0';) {
        size_t length = strcspn(path, ":");
        snprintf(folder, sizeof folder, "%.*s/", length == 0 ? 1 : (int)length,
                 length == 0 ? "." : path);
        if (find_try(folder, name, X_OK, out)) {
            return true;
        }
        path += length + (path[length] == ':');
    }
    return false;
}
