// SPDX-License-Identifier: MIT
//
// Whether a program may read or write so many bytes at an address, as far as its heap can tell:
// what guarded copies ask before they copy (guard/copy.c).
//
// Any address is looked up, interior ones too: the block of the address knows where its chunks
// begin, the chunk's header how many bytes were asked for (hardened), or the block how long its
// chunks are (fast). Nothing is written, nothing locked, and of a descriptor only line 1 is read,
// which a malloc or free of its owner leaves alone.
//
// Right while the object lives, which is for the program to see to. When another thread frees it in
// the same moment, the answer is that for before or that for after; where pages went back
// meanwhile, the look at the header may meet a guard page, as the copy would have.
//
// Any thread, any time, signal handlers too.

#ifndef APEX_FRONT_RANGE_H
#define APEX_FRONT_RANGE_H

#include "core/registry.h"
#include "core/seal.h"

#include <stdbool.h>
#include <stddef.h>

// An address in a block's chunks, and what there is.
struct range_place {
    struct block *block;       // NULL: no block in use, or not among its chunks
    const struct chunk *chunk; // carved
};

FAST struct range_place
range_chunk(const void *p)
{
    struct range_place place = {NULL, NULL};

    if (unlikely(geometry_block_index(p) == 0)) {
        return place; // the descriptors
    }
    struct block *b = block_head(geometry_descriptor(p));
    // A block without an owner is in the pool, and may never have had a stride. Pairs with the
    // release in block_init: who sees the owner sees base and stride.
    bool owned = load_acquire(&b->owner) != NULL;
    uint64_t offset = (uintptr_t)p - (uintptr_t)b->base;
    if (unlikely(!owned) || unlikely(offset >= RUN_BYTES_MAX)) {
        return place;
    }
    uint32_t index = (uint32_t)offset / b->stride;
    if (likely(index < load_fast(&b->carved))) {
        place.block = b;
        place.chunk = (const struct chunk *)(const void *)(b->base + (size_t)index * b->stride);
    }
    return place;
}

// True if [p, p + size) is part of the object of a chunk that is live. `size` is not 0. What lies
// in front of the object is at a distance that is a very large number.
FAST bool
range_in_object(const struct block *b, const struct chunk *chunk, const void *p, size_t size)
{
    size_t bytes = seal_object_bytes(b, chunk);
    size_t at = (uintptr_t)p - ((uintptr_t)chunk + HEADER_BYTES);

    return at < bytes && size <= bytes - at;
}

// The closer look; raises the fault.
int range_look(const void *p, size_t size);

// 1 if the `size` bytes at `p` are part of one live object, or `p` lies in no memory of the heap,
// or `size` is 0. 0 after the fault was raised. An int, so that the closer look is a jump.
FAST int
range_check(const void *p, size_t size)
{
    enum registry_kind kind = registry_kind_of(p);

    if (kind == REGISTRY_NONE || unlikely(size == 0)) {
        return 1;
    }
    if (likely(kind == REGISTRY_SUPERBLOCK)) {
        struct range_place place = range_chunk(p);
        const struct block *b = place.block;
        if (likely(b != NULL) && likely(!freelist_may_be_free(place.chunk, b->class, &b->key)) &&
            likely(range_in_object(b, place.chunk, p, size))) {
            return 1;
        }
    }
    return range_look(p, size);
}

#endif
