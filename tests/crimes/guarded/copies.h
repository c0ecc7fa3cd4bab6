// SPDX-License-Identifier: MIT
//
// Crimes that libapex-guard stops. The copying functions are called through volatile pointers, so
// that the compiler neither sees what is wrong nor copies by itself.

#ifndef APEX_TESTS_CRIME_COPIES_H
#define APEX_TESTS_CRIME_COPIES_H

#include "../hardened/sized.h"

extern void *crime_fortified_memcpy(void *to, const void *from, size_t size, size_t room)
        __asm__("__memcpy_chk");

static void *(*volatile crime_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile crime_mempcpy)(void *, const void *, size_t) = mempcpy;
static void *(*volatile crime_memmove)(void *, const void *, size_t) = memmove;
static void *(*volatile crime_memset)(void *, int, size_t) = memset;
static char *(*volatile crime_strcpy)(char *, const char *) = strcpy;
static char *(*volatile crime_strcat)(char *, const char *) = strcat;
static char *(*volatile crime_strncpy)(char *, const char *, size_t) = strncpy;

// Other memory, of which as many bytes can be read and written as any of the crimes needs, and no
// object of the heap.
static char crime_other[3 << 20] __attribute__((unused));

// As crime_class; 0, which is not named, for an object with a mapping of its own.
static inline size_t
crime_copy_class(size_t size)
{
    return size > 1u << 20 ? CRIME_NO_CLASS : crime_class(size);
}

#endif
