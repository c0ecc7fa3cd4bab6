// SPDX-License-Identifier: MIT
//
// malloc, free and their kin as this library has them: in the fast profile those of front/alloc.h,
// in the hardened one those of front/sealed.h. The names that programs know (api.c, interpose.c,
// interpose_cxx.c) stand on these.

#ifndef APEX_FRONT_ENTRY_H
#define APEX_FRONT_ENTRY_H

#include "front/alloc.h"
#include "front/sealed.h"

FAST void *
entry_malloc(size_t size)
{
    return PROFILE_HEADER ? sealed_alloc(size, SEAL_MALLOC) : alloc_fast(size);
}

FAST void
entry_free(void *p)
{
    if (PROFILE_HEADER) {
        sealed_free(p, (struct seal_claim){.kind = SEAL_MALLOC, .size = SEAL_ANY_SIZE});
    } else {
        free_fast(p);
    }
}

// The caller names the size. The fast profile does not ask what it would do with it.
FAST void
entry_free_sized(void *p, size_t size)
{
    if (PROFILE_HEADER) {
        sealed_free(p, (struct seal_claim){.kind = SEAL_MALLOC, .size = size});
    } else {
        free_fast(p);
    }
}

FAST void *
entry_calloc(size_t count, size_t size)
{
    return PROFILE_HEADER ? sealed_calloc(count, size) : alloc_calloc(count, size);
}

FAST void *
entry_realloc(void *p, size_t size)
{
    return PROFILE_HEADER ? sealed_realloc(p, size) : alloc_realloc(p, size);
}

// `align` a power of two.
FAST void *
entry_aligned(size_t align, size_t size)
{
    return PROFILE_HEADER ? sealed_aligned(size, align, SEAL_MALLOC) : alloc_aligned(align, size);
}

FAST size_t
entry_usable_size(void *p)
{
    return PROFILE_HEADER ? sealed_size(p) : alloc_usable_size(p);
}

#endif
