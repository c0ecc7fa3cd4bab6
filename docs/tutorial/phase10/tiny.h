// SPDX-License-Identifier: MIT
//
// What libtiny offers besides malloc's family. Any thread, any time; while one of these runs, no
// other thread gets a block or a large object, or gives one back. What other threads allocate and
// free meanwhile within their blocks may be seen or not.

#ifndef TINY_TINY_H
#define TINY_TINY_H

#include <stddef.h>

#define TINY_EXPORT __attribute__((visibility("default")))

// Writes the heap as text to the file descriptor `fd`.
TINY_EXPORT void tiny_picture(int fd);

struct tiny_stats {
    size_t objects;      // live, or in quarantine
    size_t object_bytes; // that the program may use of them
    size_t block_bytes;  // of the blocks and mappings that they are in
    size_t dirty_bytes;  // free, and perhaps with pages
    size_t mapped_bytes; // of address space
};

TINY_EXPORT void tiny_stats(struct tiny_stats *out);

// Calls `visit` for each live object, with the bytes that the program may use of it. `visit` must
// not allocate or free.
typedef void tiny_visit(void *object, size_t bytes, void *argument);
TINY_EXPORT void tiny_walk(tiny_visit *visit, void *argument);

// Looks whether the heap is whole: every invariant of superblocks, and of the calling thread's
// blocks. NULL, or what is not as it should be. As long as the heap is large.
TINY_EXPORT const char *tiny_audit(void);

// For tests: the n-th call to the kernel from now is refused, if it can be; 0: none.
TINY_EXPORT void tiny_refuse(unsigned n);

// Writes the heap as one page of HTML that needs no other file.
TINY_EXPORT void tiny_page(int fd);

#endif
