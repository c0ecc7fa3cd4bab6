// SPDX-License-Identifier: MIT
//
// The names of malloc's family, as C, POSIX and glibc have them. A library that is named in
// LD_PRELOAD comes before libc when the linker looks a name up, so every call of the program and of
// its libraries arrives here. All of the family must be here: memory that another allocator has
// made would otherwise come to this free().
//
// Any thread, any time, from the first instruction of the program on.

#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

// An object, or NULL and ENOMEM. No object is larger than PTRDIFF_MAX, or the difference of two
// addresses in it would not be a number.
static void *
malloc_aligned(size_t align, size_t size)
{
    // BEGIN STEP 3: return NULL;
    void *p = NULL;

    if (size <= PTRDIFF_MAX) {
        p = heap_alloc(size, align < ALIGN_BYTES ? ALIGN_BYTES : align);
    }
    if (p == NULL) {
        errno = ENOMEM;
    }
    return p;
    // END STEP 3
}

EXPORT void *
malloc(size_t size)
{
    return malloc_aligned(ALIGN_BYTES, size);
}

EXPORT void
free(void *p)
{
    if (p != NULL) {
        heap_free(p);
    }
}

EXPORT void *
calloc(size_t count, size_t size)
{
    // BEGIN STEP 4: return NULL;
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = malloc_aligned(ALIGN_BYTES, bytes);
    return p == NULL ? NULL : memset(p, 0, bytes);
    // END STEP 4
}

// On failure the old object stays as it is: the program still has its address.
EXPORT void *
realloc(void *old, size_t size)
{
    // BEGIN STEP 4: return NULL;
    if (old == NULL) {
        return malloc_aligned(ALIGN_BYTES, size);
    }
    if (size == 0) {
        free(old);
        return NULL;
    }
    size_t old_bytes = heap_usable_bytes(old);
    if (size <= old_bytes && size >= old_bytes / 2) {
        return old;
    }
    void *p = malloc_aligned(ALIGN_BYTES, size);
    if (p != NULL) {
        memcpy(p, old, size < old_bytes ? size : old_bytes);
        heap_free(old);
    }
    return p;
    // END STEP 4
}

EXPORT void *
reallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes);
}

static bool
malloc_is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

// Says what is wrong by its result, and leaves errno alone.
EXPORT int
posix_memalign(void **result, size_t align, size_t size)
{
    // BEGIN STEP 5: return ENOMEM;
    int saved = errno;

    if (!malloc_is_power_of_two(align) || align % sizeof(void *) != 0) {
        return EINVAL;
    }
    void *p = malloc_aligned(align, size);
    errno = saved;
    if (p == NULL) {
        return ENOMEM;
    }
    *result = p;
    return 0;
    // END STEP 5
}

EXPORT void *
memalign(size_t align, size_t size)
{
    // BEGIN STEP 5: return NULL;
    if (!malloc_is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return malloc_aligned(align, size);
    // END STEP 5
}

EXPORT void *
aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

EXPORT void *
valloc(size_t size)
{
    return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

EXPORT void *
pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t rest = size % page;

    return size > PTRDIFF_MAX ? memalign(page, size) : memalign(page, size + (page - rest) % page);
}

EXPORT size_t
malloc_usable_size(void *p)
{
    return p == NULL ? 0 : heap_usable_bytes(p);
}
