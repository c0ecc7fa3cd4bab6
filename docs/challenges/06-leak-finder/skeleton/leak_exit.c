// SPDX-License-Identifier: MIT
//
// With LEAK in the environment: marks when the library is loaded, and reports on stderr when the
// program ends, in lines `leak: COUNT objects of BYTES bytes`.
//
// Prints without stdio, which allocates.

#include "leak.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
leak_exit_row(size_t bytes, size_t count, void *context)
{
    char line[80];
    int length = snprintf(line, sizeof line, "leak: %zu objects of %zu bytes\n", count, bytes);

    (void)context;
    (void)!write(STDERR_FILENO, line, (size_t)length);
}

__attribute__((constructor)) static void
leak_exit_begin(void)
{
    if (getenv("LEAK") != NULL) {
        leak_mark();
    }
}

__attribute__((destructor)) static void
leak_exit_end(void)
{
    if (getenv("LEAK") != NULL) {
        leak_report(leak_exit_row, NULL);
    }
}
