// SPDX-License-Identifier: MIT
//
// A trace as text, a line for each call. Pure. One thread.

#ifndef APEXCTL_TRACE_TEXT_H
#define APEXCTL_TRACE_TEXT_H

#include "apexctl/trace.h"

#include <stdio.h>

// A line has the number of the call, microseconds since the start, the thread, what it is, the
// address, and, where an object begins, bytes requested and usable; where one ends, the number of
// the call that made it.
void trace_text(FILE *out, const struct trace *trace);

#endif
