// SPDX-License-Identifier: MIT
//
// What stands behind malloc: the few questions that malloc.c asks, which are the same in all
// phases; and how to be alone with the heap.
//
// Any thread, any time, from the first instruction of the program on. None changes errno.

#ifndef TINY_HEAP_H
#define TINY_HEAP_H

#include <stdalign.h>
#include <stddef.h>

#define ALIGN_BYTES alignof(max_align_t) // of every object: 16 on x86-64 and AArch64

// An object of at least `size` bytes at a multiple of `align`, a power of two. NULL when there is
// no memory for it.
void *heap_alloc(size_t size, size_t align);

// Ends an object's life. `p` is the address of a live object, not NULL.
void heap_free(void *p);

// How many bytes of the live object `p` the program may use: at least what it asked for.
size_t heap_usable_bytes(const void *p);

// Between these two no other thread is in the heap, and the calling thread may go on allocating.
// They do not nest. The child of a fork has the calling thread and no other, and may let go of what
// was held in the parent.
void heap_hold(void);
void heap_let_go(void);

// The lock, for a short time: what superblock.h asks for. Nothing to wait for in between.
void heap_begin(void);
void heap_end(void);

#endif
