// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. The block fell empty after the first free, and is in use again by now, but
// not yet as far as the chunk in question.

#include "crime.h"

#define COUNT 1024
#define SIZE 500

static void *old[COUNT];

int
main(void)
{
    char *last = NULL;
    char *stale = NULL;

    for (unsigned i = 0; i < COUNT; i++) {
        old[i] = crime_malloc(SIZE);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        crime_free(old[i]);
    }
    for (unsigned i = 0; i < COUNT / 2 + 10; i++) {
        last = crime_malloc(SIZE);
    }
    // Far behind what was handed out last, in the same 64 KiB.
    for (unsigned i = 0; i < COUNT; i++) {
        uintptr_t distance = (uintptr_t)old[i] - (uintptr_t)last;
        if ((uintptr_t)old[i] >> 16 == (uintptr_t)last >> 16 && distance - 1 < 65536) {
            stale = old[i];
        }
    }
    crime_expect(CRIME_DOUBLE_FREE, stale, 512);
    crime_free(stale);
    return crime_unpunished();
}
