// SPDX-License-Identifier: MIT
//
// What a library says of options, asked in a process that is started for it: nobody else can be as
// right, and it is the library that will read them, not a copy of its table. One thread.

#ifndef APEXCTL_PROBE_H
#define APEXCTL_PROBE_H

#include <stdbool.h>

#define PROBE_BYTES 16384 // of what it may say
#define PROBE_ENTRY_BYTES 512

#define PROBE_ARGUMENT "--probe" // the argument of `apexctl doctor` that leads to probe_answer()

struct probe {
    char version[PROBE_BYTES]; // empty: no libapex is loaded
    char said[PROBE_BYTES];    // on standard error
    char *rest;                // of it, for probe_line()
};

// Has LD_PRELOAD load `library` with `options` (NULL: none) in a process that does not register.
// False when that process could not do its part; what it said is in `*probe` also then.
bool probe_run(struct probe *probe, const char *library, const char *options);

// What is behind `prefix` in the next line that begins with it, or NULL.
char *probe_line(struct probe *probe, const char *prefix);

// The next entry that the library has refused, and why, and what may have been meant. The entries
// of /etc/apex.conf come before those of `options`. False when there is none.
bool probe_refused(struct probe *probe, char entry[PROBE_ENTRY_BYTES]);

// Passes over so many of them.
void probe_pass_over(struct probe *probe, unsigned refused);

// What the process does that is started: says the version of the library on standard output.
// Returns the exit code.
int probe_answer(void);

#endif
