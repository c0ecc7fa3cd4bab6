// SPDX-License-Identifier: MIT
//
// What all crimes share. A crime prints the line it expects on stdout, commits its crime, and says
// on stdout that it got away with it; crimes.sh compares. Any allocator can be tried with most of
// them, which attacks.py does. The malloc names are called through volatile pointers, so that the
// compiler neither sees what is wrong nor removes it.

#ifndef APEX_TESTS_CRIME_H
#define APEX_TESTS_CRIME_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum crime_fault {
#define FAULT(key, message, advice) CRIME_##key,
#include "tables/faults.def"
    CRIME_COUNT
};

static const char *const crime_messages[CRIME_COUNT] = {
#define FAULT(key, message, advice) [CRIME_##key] = message,
#include "tables/faults.def"
};

static void *(*volatile crime_malloc)(size_t) = malloc;
static void *(*volatile crime_realloc)(void *, size_t) = realloc;
static void (*volatile crime_free)(void *) = free;

// For class sizes that the fault line must not name, and for those that do not matter.
#define CRIME_NO_CLASS 0
#define CRIME_ANY_CLASS SIZE_MAX

// Writes to stdout without stdio, whose buffer would be an allocation between the crime and its
// discovery, and would be lost when the end of the process is its discovery.
static inline void
crime_say(const char *text)
{
    size_t length = strlen(text);

    if (write(STDOUT_FILENO, text, length) != (ssize_t)length) {
        abort();
    }
}

// Says which line must follow on stderr.
static inline void
crime_expect(enum crime_fault fault, const void *address, size_t class_bytes)
{
    char line[256];
    char class[64] = "";

    if (class_bytes == CRIME_ANY_CLASS) {
        snprintf(class, sizeof class, ", size class ? bytes");
    } else if (class_bytes != CRIME_NO_CLASS) {
        snprintf(class, sizeof class, ", size class %zu bytes", class_bytes);
    }
    snprintf(line, sizeof line, "libapex: %s (address %p%s)\n", crime_messages[fault], address,
             class);
    crime_say(line);
}

// Says that the crime meets memory that cannot be accessed.
static inline void
crime_expect_guard(void)
{
    crime_say("SIGSEGV\n");
}

// Start of the 64 KiB in which `p` lies: what is named when a link in them was overwritten.
static inline void *
crime_block(const void *p)
{
    return (void *)((uintptr_t)p & ~(uintptr_t)0xffff);
}

// The end of every crime: only reached when nobody stopped it.
static inline int
crime_unpunished(void)
{
    crime_say("the crime went unpunished\n");
    return 0;
}

// Calls free(p) in a thread of its own and waits for that thread to end.
static inline void *
crime_free_main(void *p)
{
    crime_free(p);
    return NULL;
}

static inline void
crime_free_by_thread(void *p)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, crime_free_main, p) != 0) {
        abort();
    }
    pthread_join(thread, NULL);
}

#endif
