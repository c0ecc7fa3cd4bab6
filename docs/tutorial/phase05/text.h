// SPDX-License-Identifier: MIT
//
// Text to a file descriptor, without stdio, which allocates.

#ifndef TINY_TEXT_H
#define TINY_TEXT_H

// Like dprintf, at most TEXT_BYTES - 1 of it. Who cannot be told is not told.
enum { TEXT_BYTES = 512 };
__attribute__((format(printf, 2, 3))) void text_print(int fd, const char *format, ...);

#endif
