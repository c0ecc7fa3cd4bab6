// SPDX-License-Identifier: MIT
//
// The daemon as a whole: builds its parts from the bottom up, runs the loop, takes them down in
// reverse. One thread.

#ifndef APEXD_DAEMON_H
#define APEXD_DAEMON_H

// Serves the runtime directory until SIGTERM or SIGINT. Returns the exit code: 0, or 1 after a line
// that says why it could not start. NULL means the usual place, and for `config`, the file with the
// rules (apexd/rules.h), none when it is not root who runs us; empty: none.
int daemon_run(const char *runtime_dir, const char *config);

#endif
