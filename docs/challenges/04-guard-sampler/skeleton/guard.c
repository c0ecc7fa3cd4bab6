// SPDX-License-Identifier: MIT
//
// No object is guarded yet.

#include "guard.h"

void *
__wrap_heap_alloc(size_t size, size_t align)
{
    return __real_heap_alloc(size, align);
}

void
__wrap_heap_free(void *p)
{
    __real_heap_free(p);
}

size_t
__wrap_heap_usable_bytes(const void *p)
{
    return __real_heap_usable_bytes(p);
}
