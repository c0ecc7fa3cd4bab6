// SPDX-License-Identifier: MIT
//
// Large objects: each has a mapping of its own, which goes back to the kernel when it is freed.
//
//   4 MiB                page, or a multiple of what was asked for
//   +--------------------+---------------------------------- - -
//   | struct large       | the object
//   +--------------------+---------------------------------- - -
//
// One thread at a time.

#ifndef TINY_LARGE_H
#define TINY_LARGE_H

#include "registry.h"

struct large {
    struct span span;
    size_t object_bytes; // that the program may use
    char *mapped;
    size_t mapped_bytes;
    struct large *next, *previous;
};

// An object of `size` bytes at a multiple of `align`, a power of two. NULL when there is no memory.
void *large_alloc(size_t size, size_t align);

void large_free(struct large *large);

// All of them, by their `next`.
const struct large *large_first(void);

#endif
