// SPDX-License-Identifier: MIT
//
// For tests/vm/guest/steering.sh: allocates, touches all of it, and says where the kernel has put
// it, one line: the share of each node in per cent.
//
//   steering small|large [refuse | COUNTER N]    64 MiB of small objects, or 12 of 16 MiB each
//
// With `refuse` a sandbox answers mbind with EPERM from before main's first allocation on. With the
// name of a counter (apex_ctl) it begins when that has reached N.

#include "../support/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE 4096
#define BATCH 512
#define NODES 64
#define SMALL 1000
#define SMALL_COUNT ((64 << 20) / SMALL)
#define LARGE ((size_t)16 << 20)
#define LARGE_COUNT 12

static unsigned long pages[NODES];
static char *small[SMALL_COUNT];

static void *asked[BATCH];
static unsigned long asked_count;

// Counts the pages that are to be asked about.
static void
ask(void)
{
    int status[BATCH];

    if (syscall(SYS_move_pages, 0, asked_count, asked, NULL, status, 0) == 0) {
        for (unsigned long i = 0; i < asked_count; i++) {
            pages[(unsigned)status[i] % NODES] += status[i] >= 0 ? 1 : 0;
        }
    }
    asked_count = 0;
}

static void
look(char *p, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += PAGE) {
        asked[asked_count++] = p + at;
        if (asked_count == BATCH) {
            ask();
        }
    }
}

// Reaches slow paths until then.
static int
await(const char *name, uint64_t least)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int (*ctl)(const char *, void *, size_t *, const void *, size_t);
    uint64_t count = 0;
    size_t bytes = sizeof count;

    *(void **)&ctl = dlsym(RTLD_DEFAULT, "apex_ctl");
    if (ctl == NULL) {
        return 0;
    }
    while (ctl(name, &count, &bytes, NULL, 0) == 0 && count < least) {
        for (unsigned i = 0; i < SMALL_COUNT / 64; i++) {
            small[i] = malloc(SMALL);
            memset(small[i], 1, SMALL);
        }
        for (unsigned i = 0; i < SMALL_COUNT / 64; i++) {
            free(small[i]);
        }
        nanosleep(&pause, NULL);
    }
    return count >= least;
}

int
main(int argc, char **argv)
{
    unsigned long all = 0;

    if (argc == 3 && !sandbox_refuse(SYS_mbind, EPERM, -1)) {
        return 2;
    }
    if (argc == 4 && !await(argv[2], strtoul(argv[3], NULL, 0))) {
        return 2;
    }
    if (strcmp(argv[1], "small") == 0) {
        for (unsigned i = 0; i < SMALL_COUNT; i++) {
            small[i] = malloc(SMALL);
            memset(small[i], 1, SMALL);
        }
        for (unsigned i = 0; i < SMALL_COUNT; i++) {
            look(small[i], SMALL);
        }
    } else {
        for (unsigned i = 0; i < LARGE_COUNT; i++) {
            char *p = malloc(LARGE);
            memset(p, 1, LARGE);
            look(p, LARGE);
        }
    }
    ask();
    for (unsigned i = 0; i < NODES; i++) {
        all += pages[i];
    }
    for (unsigned i = 0; i < 4; i++) {
        printf("%lu%s", pages[i] * 100 / all, i < 3 ? " " : "\n");
    }
    return 0;
}
