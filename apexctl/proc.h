// SPDX-License-Identifier: MIT
//
// Texts that the kernel keeps about itself and about processes. One thread.

#ifndef APEXCTL_PROC_H
#define APEXCTL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_TEXT_BYTES 4096 // enough for a status or a setting

// Reads a file up to its end or to the end of `out`, which is then terminated; the bytes read are
// returned, or -1 with errno set.
ssize_t proc_read(const char *path, char *out, size_t bytes);

// The same of /proc/<pid>/<name>.
ssize_t proc_read_of(pid_t pid, const char *name, char *out, size_t bytes);

// The file /proc/<pid>/<name> as a whole, terminated, with its size; free it. NULL, with errno set,
// when it cannot be read.
char *proc_read_all(pid_t pid, const char *name, size_t *bytes);

// Where the link /proc/<pid>/<name> leads to. False, with errno set, when it cannot be read.
bool proc_link(pid_t pid, const char *name, char *out, size_t bytes);

// The first number behind `name` (which has the colon in it) at the start of a line of `text`, in
// base 10. Pure; false when there is none.
bool proc_field(const char *text, const char *name, uint64_t *value);

// The value of a variable in an environment as /proc/<pid>/environ has it: of `bytes` bytes, with a
// NUL behind them all. Pure; NULL when it is not set.
const char *proc_variable(const char *environment, size_t bytes, const char *name);

// A value of the auxiliary vector as /proc/<pid>/auxv has it. Pure; 0 when it is not there.
unsigned long proc_auxiliary(const char *vector, size_t bytes, unsigned long type);

// The first file that `maps` (of /proc/<pid>/maps) names whose last part begins with `prefix`, into
// `path`, with " (deleted)" when the kernel says so. Pure; false when there is none.
bool proc_mapped_file(const char *maps, const char *prefix, char *path, size_t bytes);

#endif
