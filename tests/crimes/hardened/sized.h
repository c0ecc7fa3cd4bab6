// SPDX-License-Identifier: MIT
//
// Crimes that only the hardened library stops. Each is told by its argument of how many bytes the
// object is that it mistreats: 8, 4096 or 262144.

#ifndef APEX_TESTS_CRIME_SIZED_H
#define APEX_TESTS_CRIME_SIZED_H

#include "../crime.h"

static inline size_t
crime_size(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: crime BYTES\n", stderr);
        exit(2);
    }
    return strtoul(argv[1], NULL, 10);
}

// The class that the fault line names: of a chunk with room for header and canary.
static inline size_t
crime_class(size_t size)
{
    return size == 8 ? 32 : size == 4096 ? 4608 : 5 * 65536 - 8192;
}

// Announces that the kernel is going to stop the crime, at a page that cannot be accessed.
static inline void
crime_expect_guard(void)
{
    if (write(STDOUT_FILENO, "SIGSEGV\n", 8) != 8) {
        abort();
    }
}

// Names that C cannot spell, or does not know yet. The library under test has them.
extern void free_sized(void *p, size_t size) __attribute__((weak));
extern void *new_array(size_t size) __asm__("_Znam") __attribute__((weak));
extern void delete_one(void *p) __asm__("_ZdlPv") __attribute__((weak));

#endif
