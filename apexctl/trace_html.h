// SPDX-License-Identifier: MIT
//
// A trace as one file for a browser, which asks for no other: the page is trace_page.html, the
// calls are data in it, packed into columns of short numbers, compressed by zlib and written in
// base64; trace_page.html has the reader. Pure. One thread.

#ifndef APEXCTL_TRACE_HTML_H
#define APEXCTL_TRACE_HTML_H

#include "apexctl/trace.h"

#include <stdio.h>

#define TRACE_RUNS_MAX 4 // that fit beside each other on a screen

// The calls under one policy: all runs have the same ones, with addresses of their own.
struct trace_run {
    const char *name;
    struct trace trace;
};

// `program`: its words, NULL at the end. False when memory is short.
bool trace_html(FILE *out, char **program, const struct trace_run *run, unsigned runs);

#endif
