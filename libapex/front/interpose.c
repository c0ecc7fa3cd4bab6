// SPDX-License-Identifier: MIT
//
// The names under which glibc offers its allocator, given to libapex: this file is all that makes a
// preloaded libapex serve a program that knows nothing of it. Nothing happens here: malloc and
// free have the fast paths of front/alloc.h inlined, and every other function is a tail call. No
// other file may mention these names. docs/API.md has a row for each and for those of glibc that
// are left out, with the reason.
//
// Linked into libapex.so and libapex.a, not into the tests' library nor into the build for dlopen.
//
// For static programs: every strong symbol of glibc's malloc.o that another object of libc.a refers
// to must be defined here, or the linker takes malloc.o as well and finds malloc twice.

#include "apex.h"
#include "base/compiler.h"
#include "front/compat.h"
#include "front/entry.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

APEX_EXPORT void *
malloc(size_t size)
{
    return entry_malloc(size);
}

APEX_EXPORT void
free(void *ptr)
{
    entry_free(ptr);
}

APEX_EXPORT void *
calloc(size_t count, size_t size)
{
    return entry_calloc(count, size);
}

APEX_EXPORT void *
realloc(void *ptr, size_t size)
{
    return entry_realloc(ptr, size);
}

APEX_EXPORT void *
reallocarray(void *ptr, size_t count, size_t size)
{
    return apex_reallocarray(ptr, count, size);
}

APEX_EXPORT void *
memalign(size_t alignment, size_t size)
{
    return apex_memalign(alignment, size);
}

APEX_EXPORT void *
aligned_alloc(size_t alignment, size_t size)
{
    return apex_aligned_alloc(alignment, size);
}

APEX_EXPORT int
posix_memalign(void **result, size_t alignment, size_t size)
{
    return apex_posix_memalign(result, alignment, size);
}

APEX_EXPORT void *
valloc(size_t size)
{
    return apex_valloc(size);
}

APEX_EXPORT void *
pvalloc(size_t size)
{
    return apex_pvalloc(size);
}

APEX_EXPORT size_t
malloc_usable_size(void *ptr)
{
    return entry_usable_size(ptr);
}

APEX_EXPORT int
malloc_trim(size_t keep_bytes)
{
    return apex_malloc_trim(keep_bytes);
}

APEX_EXPORT struct mallinfo
mallinfo(void)
{
    return compat_mallinfo();
}

APEX_EXPORT struct mallinfo2
mallinfo2(void)
{
    return compat_mallinfo2();
}

APEX_EXPORT int
mallopt(int parameter, int value)
{
    return compat_mallopt(parameter, value);
}

APEX_EXPORT void
malloc_stats(void)
{
    compat_malloc_stats();
}

APEX_EXPORT int
malloc_info(int options, FILE *stream)
{
    return compat_malloc_info(options, stream);
}

// C23, which glibc 2.36 does not know yet: programs that look for them at run time find them.
void free_sized(void *ptr, size_t size);
void free_aligned_sized(void *ptr, size_t alignment, size_t size);

APEX_EXPORT void
free_sized(void *ptr, size_t size)
{
    apex_free_sized(ptr, size);
}

APEX_EXPORT void
free_aligned_sized(void *ptr, size_t alignment, size_t size)
{
    apex_free_aligned_sized(ptr, alignment, size);
}

// For programs linked before 2.26, when free still had this second name.
void cfree(void *ptr);

APEX_EXPORT void
cfree(void *ptr)
{
    entry_free(ptr);
}

// The names with which programs used to reach around a malloc of their own. If these stayed with
// glibc, such a program would free into one allocator what it had from the other.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void __libc_free(void *ptr);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
struct mallinfo __libc_mallinfo(void);
int __libc_mallopt(int parameter, int value);

APEX_EXPORT void *
__libc_malloc(size_t size)
{
    return entry_malloc(size);
}

APEX_EXPORT void *
__libc_calloc(size_t count, size_t size)
{
    return entry_calloc(count, size);
}

APEX_EXPORT void *
__libc_realloc(void *ptr, size_t size)
{
    return entry_realloc(ptr, size);
}

APEX_EXPORT void
__libc_free(void *ptr)
{
    entry_free(ptr);
}

APEX_EXPORT void *
__libc_memalign(size_t alignment, size_t size)
{
    return apex_memalign(alignment, size);
}

APEX_EXPORT void *
__libc_valloc(size_t size)
{
    return apex_valloc(size);
}

APEX_EXPORT void *
__libc_pvalloc(size_t size)
{
    return apex_pvalloc(size);
}

APEX_EXPORT struct mallinfo
__libc_mallinfo(void)
{
    return compat_mallinfo();
}

APEX_EXPORT int
__libc_mallopt(int parameter, int value)
{
    return compat_mallopt(parameter, value);
}
