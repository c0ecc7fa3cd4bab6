// SPDX-License-Identifier: MIT
//
// Running a program with something in front of its libraries, and being as good as its parent as if
// the shell had run it: signals go to the program, its end becomes ours. One thread.

#ifndef APEXCTL_LAUNCH_H
#define APEXCTL_LAUNCH_H

#include "apexctl/exit.h"
#include "apexctl/find.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

// The path of a library that LD_PRELOAD can name. False after a line on stderr.
bool launch_find_library(enum find_what which, char out[FIND_PATH_BYTES]);

// Adds `item` to a list in the environment: in front, or at the end. False when memory is short.
bool launch_extend(const char *variable, const char *item, char separator, bool in_front);

// Becomes the program, which finds SIGCHLD as this process did. Returns only after a line on stderr
// that says why not.
enum exit_code launch_exec(char **program);

// Holds back the signals that launch_attend() hands on; `*old` is the mask for the program. To be
// called before the program is started, so that a signal that comes early is not lost.
void launch_hold(sigset_t *signals, sigset_t *old);

// Waits for the program's end and hands on signals. Returns its status as of waitpid().
int launch_attend(pid_t pid, const sigset_t *signals);

// The exit code of the program; when a signal ended it, ends this process by the same.
enum exit_code launch_end(int status);

#endif
