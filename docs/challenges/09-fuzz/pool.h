// SPDX-License-Identifier: MIT
//
// A small allocator to be fuzzed: objects in one piece of memory that the caller has, first fit,
// neighbours that are free are joined at once. One thread.

#ifndef POOL_H
#define POOL_H

#include <stddef.h>

#define POOL_HEADER 16 // bytes in front of each object; sizes are rounded up to multiples of 16

struct pool {
    char *start, *end;
};

// `memory` is aligned to 16; `bytes` is a multiple of 16 and at least 2 * POOL_HEADER.
void pool_init(struct pool *pool, void *memory, size_t bytes);

// An object of at least `bytes` bytes, aligned to 16; NULL if there is no free piece as large. When
// nothing is live, there is one of all the pool's bytes but POOL_HEADER.
void *pool_take(struct pool *pool, size_t bytes);

// Ends the life of an object, not NULL.
void pool_give(struct pool *pool, void *object);

// Makes an object, not NULL, at least `bytes` long, and moves it if need be; contents are kept up
// to the smaller of the two sizes. NULL if there is no room: then it is as it was.
void *pool_resize(struct pool *pool, void *object, size_t bytes);

#endif
