// SPDX-License-Identifier: MIT
//
// Where the library and the daemon are that belong to this apexctl: it may have been built,
// installed, or moved after it was installed. One thread.

#ifndef APEXCTL_FIND_H
#define APEXCTL_FIND_H

#include <stdbool.h>

#define FIND_PATH_BYTES 4096

enum find_what {
    FIND_FAST,
    FIND_HARDENED,
    FIND_GUARD,
    FIND_RECORDER,
    FIND_REPLAY,
    FIND_DAEMON,
    FIND_COUNT
};

// Finds a file: what its variable says, else beside us in the build tree (where libtool may have
// put us one folder deeper), else where it was to be installed, else beside us in an installation
// that was moved. False when it is at none of these, or may not be used.
bool find_file(enum find_what what, char out[FIND_PATH_BYTES]);

// The file's name, and the variable of the environment that overrides the search; static text.
const char *find_name(enum find_what what);
const char *find_variable(enum find_what what);

// The path of the program `name` as the shell would find it. False when there is none.
bool find_program(const char *name, char out[FIND_PATH_BYTES]);

#endif
