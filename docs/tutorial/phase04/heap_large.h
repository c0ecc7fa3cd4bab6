// SPDX-License-Identifier: MIT
//
// Objects that are no chunks: runs of blocks, and mappings of their own.

#ifndef TINY_HEAP_LARGE_H
#define TINY_HEAP_LARGE_H

#include <stddef.h>

// An object of more than CHUNK_BYTES_MAX, or at a multiple of more than that. NULL when there is no
// memory. With the lock.
void *heap_alloc_large(size_t size, size_t align);

#endif
