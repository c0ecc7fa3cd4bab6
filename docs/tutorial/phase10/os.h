// SPDX-License-Identifier: MIT
//
// What libtiny wants of the kernel. Address space is reserved first, which costs nothing; it
// becomes memory that may be touched when it is committed, and a page of it is there once it is
// touched.
//
// Any thread, any time. errno is kept.

#ifndef TINY_OS_H
#define TINY_OS_H

#include <stdbool.h>
#include <stddef.h>

#define PAGE_BYTES ((size_t)4096)

// `bytes` of address space at a multiple of `align`, a power of two and at least a page. NULL when
// there is none. Nobody can touch it.
void *os_reserve(size_t bytes, size_t align);

// Makes it memory, which reads as zeroes. False when the kernel refuses.
bool os_commit(void *p, size_t bytes);

// For tests: of the calls below that can be refused, the n-th from now is, and no other. 0: none.
void os_refuse(unsigned n);

// Gives memory and addresses back.
void os_release(void *p, size_t bytes);

#endif
