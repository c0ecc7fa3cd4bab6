// SPDX-License-Identifier: MIT
//
// Phase VIII: memory that is free goes back to the kernel, although its addresses stay in use.

#include "memory.h"

#include <string.h>
#include <time.h>

enum { OBJECTS = 64000, BYTES = 1000, KEPT = 2000, RUN_BYTES = 60000, RUNS = 10 };

static size_t before;

// MiB in core that were not when it was last forgotten.
static size_t
test_more_mib(void)
{
    size_t now = memory_kib(MEMORY_RESIDENT);

    return now < before ? 0 : (now - before) / 1024;
}

static char *
test_filled(size_t bytes)
{
    char *p = malloc(bytes);

    require(p != NULL, "malloc(%zu) gives no memory", bytes);
    memset(p, 1, bytes);
    return p;
}

// One object of 2000 stays, so that no superblock is ever empty.
static void
test_burst(void)
{
    static char *object[OBJECTS];

    before = memory_kib(MEMORY_RESIDENT);
    for (int i = 0; i < OBJECTS; i++) {
        object[i] = test_filled(BYTES);
    }
    require(test_more_mib() >= 50, "64 MB are not there");
    for (int i = 0; i < OBJECTS; i++) {
        if (i % KEPT != 0) {
            free(object[i]);
        }
    }
    require(test_more_mib() < 16, "of 64 MB that were freed most are still in core");
    for (int i = 0; i < OBJECTS; i += KEPT) {
        require(object[i][BYTES - 1] == 1, "an object is gone with the pages of others");
    }
    for (int i = 0; i < OBJECTS; i++) {
        if (i % KEPT != 0) {
            object[i] = test_filled(BYTES);
        }
    }
    for (int i = 0; i < OBJECTS; i++) {
        free(object[i]);
    }
    show("a burst of frees brings the resident size down");
}

// Too little to be given back at once; but nobody needs it for a while.
static void
test_age(void)
{
    const struct timespec pause = {.tv_nsec = 300000000};
    char *object[RUNS];

    for (int i = 0; i < RUNS; i++) {
        object[i] = test_filled(RUN_BYTES);
    }
    size_t most = memory_kib(MEMORY_RESIDENT);
    for (int i = 0; i < RUNS; i++) {
        free(object[i]);
    }
    nanosleep(&pause, NULL);
    free(test_filled(RUN_BYTES));
    require(memory_kib(MEMORY_RESIDENT) + 400 < most, "a few free blocks stay for ever");
    show("what is not needed for a while goes back as well");
}

int
main(void)
{
    test_burst();
    test_age();
    return 0;
}
