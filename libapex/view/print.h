// SPDX-License-Identifier: MIT
//
// All statistics as text: for people, or as JSON. Without stdio and without allocating: what prints
// the state of the heap must not change it. Any thread. The figures of one print come from one sum,
// so they agree with each other.

#ifndef APEX_VIEW_PRINT_H
#define APEX_VIEW_PRINT_H

#include <stdbool.h>
#include <stddef.h>

// Takes `length` bytes, which need not end with a line, nor with a NUL.
typedef void print_fn(void *context, const char *text, size_t length);

// Text has lines `libapex: name unit = value`. JSON is one object in one line; its names are those
// that apexd uses (apexd/schema/stats.json).
void print_stats(print_fn *write, void *context, bool json);

// A print_fn that writes to a descriptor; `fd` points to an int. What cannot be written is lost.
void print_to_fd(void *fd, const char *text, size_t length);

#endif
