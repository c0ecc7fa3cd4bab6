// SPDX-License-Identifier: MIT
//
// What every unit test includes: cmocka, and the headers it wants before itself.

#ifndef APEX_TESTS_UNIT_H
#define APEX_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Starts the program once more, with faults only reported. In the hardened library that cannot be
// changed any more when main() runs: the options are sealed.
static inline void
unit_report_faults(char **argv)
{
    if (getenv("APEX_OPTIONS") == NULL) {
        setenv("APEX_OPTIONS", "fault=report", 1);
        execv("/proc/self/exe", argv);
        abort();
    }
}

#endif
