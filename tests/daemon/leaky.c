// SPDX-License-Identifier: MIT
//
// For profile.py: a program with a leak and without one. leak_here() allocates 50 MB, in objects of
// 1000 bytes, that nobody frees; a line on stdout says when. clean_here() goes on for ever, and
// frees all.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAKED_OBJECTS 50000

void *volatile kept[LEAKED_OBJECTS];

static __attribute__((noinline)) void
leak_here(unsigned i)
{
    kept[i] = malloc(1000);
    memset((void *)kept[i], 1, 1000);
}

static __attribute__((noinline)) void
clean_here(void)
{
    void *volatile p = malloc(3000);

    memset((void *)p, 1, 3000);
    free((void *)p);
}

// Leaves the fast path, as programs do now and then.
static __attribute__((noinline)) void
burst_here(void)
{
    void *volatile p[20];

    for (unsigned i = 0; i < 20; i++) {
        p[i] = malloc(20000);
    }
    for (unsigned i = 0; i < 20; i++) {
        free((void *)p[i]);
    }
}

int
main(void)
{
    for (unsigned i = 0;; i++) {
        if (i < LEAKED_OBJECTS) {
            leak_here(i);
        } else if (i == LEAKED_OBJECTS && write(STDOUT_FILENO, "leaked\n", 7) != 7) {
            return 1;
        }
        clean_here();
        if (i % 500 == 0) {
            burst_here();
            usleep(i < LEAKED_OBJECTS ? 1000 : 10000);
        }
    }
}
