// SPDX-License-Identifier: MIT
//
// The daemon as a whole: builds its parts from the bottom up, runs the loop, takes them down in
// reverse. One thread.

#ifndef APEXD_DAEMON_H
#define APEXD_DAEMON_H

#include <stdbool.h>

struct daemon_options {
    const char *runtime_dir; // NULL: the usual place
    const char *config;      // the file with the rules (apexd/rules.h); NULL: root's; empty: none
    bool act;                // acting mode (apexd/act.h)
    const char *pressure;    // where the kernel tells of memory pressure; NULL: the usual place
    unsigned http_port;      // of the loopback interface; 0: none
};

// Serves the runtime directory until SIGTERM or SIGINT. Returns the exit code: 0, or 1 after a
// line that says why it could not start.
int daemon_run(const struct daemon_options *options);

#endif
