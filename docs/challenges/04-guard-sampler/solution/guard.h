// SPDX-License-Identifier: MIT
//
// Objects on pages of their own. The linker leads every call of heap_alloc(), heap_free() and
// heap_usable_bytes() to the function of that name with __wrap_ in front (--wrap); the one that it
// was meant for is called by __real_. What they promise is what heap.h says.

#ifndef TINY_GUARD_H
#define TINY_GUARD_H

#include "heap.h"

#ifndef GUARD_EVERY
#define GUARD_EVERY 1000 // allocations to one that is guarded
#endif
#ifndef GUARD_SLOTS
#define GUARD_SLOTS 64 // pages that there are for guarded objects
#endif

void *__wrap_heap_alloc(size_t size, size_t align);
void __wrap_heap_free(void *p);
size_t __wrap_heap_usable_bytes(const void *p);

void *__real_heap_alloc(size_t size, size_t align);
void __real_heap_free(void *p);
size_t __real_heap_usable_bytes(const void *p);

#endif
