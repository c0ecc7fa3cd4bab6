// SPDX-License-Identifier: MIT
//
// Exit codes of apexctl. Scripts rely on them; man/apexctl.1 lists them.

#ifndef APEXCTL_EXIT_H
#define APEXCTL_EXIT_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_OTHER = 1,      // anything that has no code of its own
    EXIT_USAGE = 2,      // the command line makes no sense
    EXIT_NO_DAEMON = 3,  // no apexd serves
    EXIT_DENIED = 4,     // not allowed to ask, or to ask that
    EXIT_NO_PROCESS = 5, // the process is not registered
    EXIT_NOT_RUNNABLE = 126,
    EXIT_NOT_FOUND = 127,
};

#endif
