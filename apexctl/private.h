// SPDX-License-Identifier: MIT
//
// A private apexd for one run of one program: started when none serves, stopped afterwards. One
// thread.

#ifndef APEXCTL_PRIVATE_H
#define APEXCTL_PRIVATE_H

#include "apexctl/call.h"

#include <stdbool.h>
#include <sys/types.h>

struct private_daemon {
    pid_t pid;
    char dir[CALL_PATH_BYTES];
};

// Starts `program` (an apexd) on a directory of its own and waits until it answers. False after
// a line on stderr; then nothing is left behind.
bool private_start(struct private_daemon *daemon, const char *program);

// Stops it and removes its directory.
void private_stop(struct private_daemon *daemon);

#endif
