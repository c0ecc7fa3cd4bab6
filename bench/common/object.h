// SPDX-License-Identifier: MIT
//
// Objects that carry a mark: the first word says which address it lies at, and is wiped before the
// object is freed. An allocator that hands out the same memory twice, or writes into an object that
// lives, is caught at the free, for two instructions of price.

#ifndef APEX_BENCH_COMMON_OBJECT_H
#define APEX_BENCH_COMMON_OBJECT_H

#include "common/bench.h"

#include <stdlib.h>

enum { OBJECT_MIN_BYTES = sizeof(uint64_t) };

static inline uint64_t
object_mark(const void *object)
{
    return (uintptr_t)object ^ UINT64_C(0x5bd1e995a7c3f06d);
}

// Writes the mark. The object has OBJECT_MIN_BYTES or more, and comes from an allocator that could
// not refuse, or is NULL, which ends the program.
static inline void *
object_start(void *object)
{
    if (object == NULL) {
        bench_die("malloc");
    }
    *(uint64_t *)object = object_mark(object);
    return object;
}

// Ends the program unless the mark is there, and wipes it.
static inline void
object_end(void *object)
{
    if (*(uint64_t *)object != object_mark(object)) {
        bench_die("an object lost its mark");
    }
    *(uint64_t *)object = 0;
}

// A size from 9 to 8 << `steps` bytes, out of random bits: twice as large is half as frequent.
static inline uint32_t
object_falling_bytes(uint32_t bits, unsigned steps)
{
    uint32_t base_bytes = 8u << __builtin_ctz(bits | 1u << (steps - 1));
    return base_bytes + bench_scale(bits, base_bytes) + 1;
}

static inline void *
object_new(size_t bytes)
{
    return object_start(malloc(bytes));
}

static inline void
object_free(void *object)
{
    object_end(object);
    free(object);
}

// All of them that are not NULL.
static inline void
object_free_all(void **objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (objects[i] != NULL) {
            object_free(objects[i]);
        }
    }
}

#endif
