// SPDX-License-Identifier: MIT
//
// Start here. malloc and free, from the request to the block and back: the fast paths, which are
// inlined into apex_malloc and malloc, and into apex_free and free. What they leave to others is in
// alloc.c.
//
// They write only to a descriptor and to the chunk, both of which belong to the calling thread, and
// read its heap and a byte of the registry besides: no lock, no atomic read-modify-write, no system
// call. Instructions for a pair of malloc(16) and free, counted by callgrind: see
// docs/PERFORMANCE.md, which says how.
//
// What a free is checked for on the fast path, at a branch each that is never taken:
//   the address is ours (foreign), it is the start of a chunk that was handed out (interior,
//   misaligned, never allocated), and the chunk does not carry the mark of a free one (double
//   free).
//
// Any thread, any time, from the first instruction of the program on. errno changes only when an
// allocation fails.

#ifndef APEX_FRONT_ALLOC_H
#define APEX_FRONT_ALLOC_H

#include "core/large.h"
#include "core/registry.h"
#include "policy/heap.h"

#include <stdbool.h>
#include <stddef.h>

// What the fast paths cannot serve. alloc_rest takes any size.
void *alloc_rest(size_t size);
void free_rest(void *p);

// The same for any alignment, a power of two. `zeroed`: all but the first ALIGN_BYTES read as zero.
void *alloc_general(size_t size, size_t align, bool *zeroed);

FAST void *
alloc_fast(size_t size)
{
    // The limit is thread-local as well: while the dynamic linker is still at work, and has not
    // given thread-local data its first values, it reads as 0, and there is no heap. An IFUNC
    // resolver may allocate that early.
    if (likely(size < heap_self.direct_end)) {
        void *p = block_pop(heap_self.heap->direct[(size + ALIGN_BYTES - 1) >> ALIGN_SHIFT]);
        if (likely(p != NULL)) {
            return p;
        }
    }
    return alloc_rest(size);
}

// Into its block's list, if the chunk is live at first sight and the calling thread owns the block.
FAST bool
free_own(struct heap *heap, struct block *b, void *p)
{
    bool own = likely(load_fast(&b->owner) == &heap->owner) && likely(block_starts_chunk(b, p)) &&
               likely(!freelist_may_be_free(p, b->class, &b->key));

    if (own && unlikely(block_push(b, p))) {
        heap_free_event(heap, b);
    }
    return own;
}

FAST void
free_fast(void *p)
{
    bool may = likely(registry_kind_of(p) == REGISTRY_SUPERBLOCK);

    if (unlikely(!may || !free_own(heap_self.heap, geometry_descriptor(p), p))) {
        free_rest(p);
    }
}

// calloc, realloc and malloc_usable_size as apex.h has them.
void *alloc_calloc(size_t count, size_t size);
void *alloc_realloc(void *p, size_t size);
size_t alloc_usable_size(void *p);

// True if the chunk of `b`, whose chunk is live, should go on serving `size` bytes: it has room, or
// has got it now, and not more than half of it would go to waste.
bool alloc_realloc_keeps(struct block *b, size_t size);

// Resizes a live large object, moving its pages, if need be. Its address, or NULL.
void *alloc_resize_large(struct large *large, size_t size);

// Frees a live large object.
void alloc_free_large(struct large *large);

// `align` any power of two, `size` any; 16-byte alignment at least. NULL with ENOMEM.
void *alloc_aligned(size_t align, size_t size);

// Gives memory that is free back to the kernel now, all but `keep_bytes`. True if any was given.
bool alloc_trim(size_t keep_bytes);

#endif
