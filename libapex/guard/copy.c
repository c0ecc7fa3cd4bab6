// SPDX-License-Identifier: MIT
//
// libapex-guard.so.0: memcpy and its kin for programs that want each copy compared with the heap.
// Preloaded in front of libapex, it takes these names from glibc, asks apex_check_range about what
// would be written and what would be read, and then has glibc do it. Without libapex in the process
// it only passes on.
//
// glibc does it under other names, which are the same functions and which this library does not
// take: so nothing has to be found out first. It works from the moment the dynamic linker has
// relocated it, by any thread, in signal handlers; it has no state, least of all a pointer to
// functions that an attacker could overwrite.
//
//   bcopy           memmove. Good for memcpy as well: programs from before glibc 2.14 rely on that
//   __memset_chk    memset, with a bound; here one that no object reaches. (clang knows what the
//                   largest number means there, and calls memset.) Its own name is therefore not
//                   taken: who calls it has a bound from the compiler
//   __stpncpy       stpncpy, from which strncpy differs in what it returns
//
// What libapex does to its own memory goes by explicit_bzero, and so passes by here (seal_zero).

#include "apex.h"
#include "base/compiler.h"

#include <stdint.h>
#include <string.h>

#pragma weak apex_check_range

// These may be macros where _FORTIFY_SOURCE is on.
#undef memcpy
#undef mempcpy
#undef memmove
#undef memset
#undef strcpy
#undef stpcpy
#undef strncpy
#undef strcat
#undef strncat

// Under names that no compiler knows anything about.
extern void copy_bytes(const void *from, void *to, size_t size) __asm__("bcopy");
extern void *copy_fill(void *to, int byte, size_t size, size_t room) __asm__("__memset_chk");
extern char *copy_padded(char *to, const char *from, size_t size) __asm__("__stpncpy");
extern _Noreturn void copy_overflow(void) __asm__("__chk_fail");

// What a program calls that was compiled with _FORTIFY_SOURCE: `room` is what the compiler knows of
// the size of `to`.
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);
void *__mempcpy_chk(void *to, const void *from, size_t size, size_t room);
void *__memmove_chk(void *to, const void *from, size_t size, size_t room);
char *__strcpy_chk(char *to, const char *from, size_t room);
char *__stpcpy_chk(char *to, const char *from, size_t room);
char *__strncpy_chk(char *to, const char *from, size_t size, size_t room);
char *__strcat_chk(char *to, const char *from, size_t room);
char *__strncat_chk(char *to, const char *from, size_t size, size_t room);

FAST void
copy_check(const void *p, size_t size)
{
    if (likely(apex_check_range != NULL)) {
        apex_check_range(p, size); // with fault=report the copy is done all the same
    }
}

FAST void
copy_checked(void *to, const void *from, size_t size)
{
    copy_check(to, size);
    copy_check(from, size);
    copy_bytes(from, to, size);
}

FAST void
copy_check_room(size_t size, size_t room)
{
    if (unlikely(size > room)) {
        copy_overflow(); // glibc's own: "buffer overflow detected"
    }
}

// --- Bytes ---------------------------------------------------------------------------------------

APEX_EXPORT void *
memmove(void *to, const void *from, size_t size)
{
    copy_checked(to, from, size);
    return to;
}

APEX_EXPORT void *
memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_checked(to, from, size);
    return to;
}

APEX_EXPORT void *
mempcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_checked(to, from, size);
    return (char *)to + size;
}

APEX_EXPORT void *
memset(void *to, int byte, size_t size)
{
    copy_check(to, size);
    return copy_fill(to, byte, size, PTRDIFF_MAX);
}

APEX_EXPORT void *
__memmove_chk(void *to, const void *from, size_t size, size_t room)
{
    copy_check_room(size, room);
    copy_checked(to, from, size);
    return to;
}

APEX_EXPORT void *
__memcpy_chk(void *to, const void *from, size_t size, size_t room)
{
    copy_check_room(size, room);
    copy_checked(to, from, size);
    return to;
}

APEX_EXPORT void *
__mempcpy_chk(void *to, const void *from, size_t size, size_t room)
{
    copy_check_room(size, room);
    copy_checked(to, from, size);
    return (char *)to + size;
}

// --- Strings -------------------------------------------------------------------------------------

// With the 0 at its end.
FAST size_t
copy_string_bytes(const char *from)
{
    return strlen(from) + 1;
}

// Up to its end, or as far as strncpy would read.
FAST void
copy_pad_checked(char *to, const char *from, size_t size)
{
    size_t length = strnlen(from, size);

    copy_check(to, size);
    copy_check(from, length < size ? length + 1 : size);
    copy_padded(to, from, size);
}

// At the end of `to`, `size` bytes at most.
FAST void
copy_append_checked(char *to, const char *from, size_t size, size_t room)
{
    size_t old = strlen(to);
    size_t length = strnlen(from, size);

    copy_check_room(old + length + 1, room);
    copy_check(to, old + length + 1);
    copy_check(from, length);
    copy_bytes(from, to + old, length);
    to[old + length] = '\0';
}

APEX_EXPORT char *
strcpy(char *restrict to, const char *restrict from)
{
    copy_checked(to, from, copy_string_bytes(from));
    return to;
}

APEX_EXPORT char *
stpcpy(char *restrict to, const char *restrict from)
{
    size_t bytes = copy_string_bytes(from);

    copy_checked(to, from, bytes);
    return to + bytes - 1;
}

APEX_EXPORT char *
strncpy(char *restrict to, const char *restrict from, size_t size)
{
    copy_pad_checked(to, from, size);
    return to;
}

APEX_EXPORT char *
strcat(char *restrict to, const char *restrict from)
{
    copy_append_checked(to, from, SIZE_MAX, SIZE_MAX);
    return to;
}

APEX_EXPORT char *
strncat(char *restrict to, const char *restrict from, size_t size)
{
    copy_append_checked(to, from, size, SIZE_MAX);
    return to;
}

APEX_EXPORT char *
__strcpy_chk(char *to, const char *from, size_t room)
{
    size_t bytes = copy_string_bytes(from);

    copy_check_room(bytes, room);
    copy_checked(to, from, bytes);
    return to;
}

APEX_EXPORT char *
__stpcpy_chk(char *to, const char *from, size_t room)
{
    size_t bytes = copy_string_bytes(from);

    copy_check_room(bytes, room);
    copy_checked(to, from, bytes);
    return to + bytes - 1;
}

APEX_EXPORT char *
__strncpy_chk(char *to, const char *from, size_t size, size_t room)
{
    copy_check_room(size, room);
    copy_pad_checked(to, from, size);
    return to;
}

APEX_EXPORT char *
__strcat_chk(char *to, const char *from, size_t room)
{
    copy_append_checked(to, from, SIZE_MAX, room);
    return to;
}

APEX_EXPORT char *
__strncat_chk(char *to, const char *from, size_t size, size_t room)
{
    copy_append_checked(to, from, size, room);
    return to;
}
