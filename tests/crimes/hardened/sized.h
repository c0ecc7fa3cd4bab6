// SPDX-License-Identifier: MIT
//
// Crimes that the fast library need not stop. Most are told by their argument of how many bytes the
// object is that they mistreat: 8, 4096 or 262144. Each announces what the hardened library does
// about it: raises a fault, or
//
//   SIGSEGV       the crime meets a page that cannot be accessed
//   no effect     it succeeds, and is worth nothing to the criminal
//   unpunished    it succeeds; docs/SECURITY.md says why

#ifndef APEX_TESTS_CRIME_SIZED_H
#define APEX_TESTS_CRIME_SIZED_H

#include "../crime.h"

#include <malloc.h>
#include <stdbool.h>

static void *(*volatile crime_calloc)(size_t, size_t) = calloc;
static void *(*volatile crime_aligned_alloc)(size_t, size_t) = aligned_alloc;

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

// What is named when a link in the block of `p` was overwritten: its first chunk.
static inline void *
crime_list(const void *p, size_t size)
{
    return (char *)crime_block(p) + (size == 8 ? 24 : 504);
}

// Objects of more than 64 KiB have blocks of their own, with a guard page behind.
static inline bool
crime_is_run(size_t size)
{
    return size > 65536;
}

static inline void
crime_expect_no_effect(void)
{
    crime_say("no effect\n");
}

static inline void
crime_expect_unpunished(void)
{
    crime_say("unpunished\n");
}

// The end of crimes that nobody stopped, and that may have been in vain.
static inline int
crime_effect(bool had_effect)
{
    if (!had_effect) {
        crime_say("the crime had no effect\n");
        return 0;
    }
    return crime_unpunished();
}

// Uses an object as a program would, so that it differs from fresh memory.
static inline void
crime_use(void *p, size_t size)
{
    memset(p, 'A', size);
}

static inline bool
crime_is_zero(const volatile char *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

// So many frees of objects of this size, after which none that was freed before waits in a pen of
// the quarantine, but is in a list: 1 of 31 leaves with each. Between them other objects stay, so
// that no block becomes empty and forgets what was in it. Runs would go back to the kernel.
static inline void
crime_let_time_pass(size_t size)
{
    enum { COUNT = 2000 };
    static void *p[COUNT];

    for (unsigned i = 0; i < COUNT && !crime_is_run(size); i++) {
        p[i] = crime_malloc(size);
    }
    for (unsigned i = 0; i < COUNT && !crime_is_run(size); i += 2) {
        crime_free(p[i]);
    }
}

// With these many allocations all that is free is handed out again, if crime_make_reuse comes
// before the n-th: before each of the first it frees another object, so that what waits in a pen
// comes out, too.
static inline unsigned
crime_reuses(size_t size)
{
    return crime_is_run(size) ? 64 : 4000;
}

static inline void
crime_make_reuse(size_t size, unsigned n)
{
    enum { COUNT = 1000 };
    static void *p[COUNT];

    for (unsigned i = 0; n == 0 && i < COUNT && i < crime_reuses(size); i++) {
        p[i] = crime_malloc(size);
    }
    if (n < COUNT) {
        crime_free(p[n]);
    }
}

static inline void
crime_reuse_all(size_t size)
{
    for (unsigned i = 0; i < crime_reuses(size); i++) {
        crime_make_reuse(size, i);
        crime_malloc(size);
    }
}

// Allocates many objects, and finds those two that are closest to each other.
static inline void
crime_neighbours(size_t size, char **lower, char **upper)
{
    enum { COUNT = 64 };
    char *p[COUNT];
    size_t closest = SIZE_MAX;

    for (unsigned i = 0; i < COUNT; i++) {
        p[i] = crime_malloc(size);
        for (unsigned j = 0; j < i; j++) {
            char *low = p[i] < p[j] ? p[i] : p[j];
            char *high = p[i] < p[j] ? p[j] : p[i];
            if ((size_t)(high - low) < closest) {
                closest = (size_t)(high - low);
                *lower = low;
                *upper = high;
            }
        }
    }
}

// Runs this program again, told so by a second argument, and reads what that writes.
static inline void
crime_run_again(char **argv, void *into, size_t bytes)
{
    char command[4096];
    FILE *child;

    snprintf(command, sizeof command, "'%s' %s again", argv[0], argv[1]);
    child = popen(command, "r");
    if (child == NULL || fread(into, bytes, 1, child) != 1) {
        abort();
    }
    pclose(child);
}

static inline int
crime_answer(const void *from, size_t bytes)
{
    return write(STDOUT_FILENO, from, bytes) != (ssize_t)bytes;
}

// Names that C cannot spell, or does not know yet.
extern void free_sized(void *p, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *p, size_t align, size_t size) __attribute__((weak));
extern void *new_one(size_t size) __asm__("_Znwm") __attribute__((weak));
extern void *new_array(size_t size) __asm__("_Znam") __attribute__((weak));
extern void delete_one(void *p) __asm__("_ZdlPv") __attribute__((weak));
extern void delete_array(void *p) __asm__("_ZdaPv") __attribute__((weak));
extern void delete_sized(void *p, size_t size) __asm__("_ZdlPvm") __attribute__((weak));
extern void delete_array_sized(void *p, size_t size) __asm__("_ZdaPvm") __attribute__((weak));

// Ends a crime that cannot be committed: the allocator has no such function, or no such place.
static inline void
crime_need(bool there)
{
    if (!there) {
        crime_say("not offered\n");
        exit(0);
    }
}

#endif
