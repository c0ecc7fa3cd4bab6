// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. The first free emptied a block that its thread no longer allocates from.

#include "crime.h"

int
main(void)
{
    void *p[20];

    // Chunks of 56 KiB, one or a few to a run: the first ones are in runs that are full.
    for (unsigned i = 0; i < 20; i++) {
        p[i] = crime_malloc(56 << 10);
    }
    for (unsigned i = 0; i < 20; i++) {
        crime_free(p[i]);
    }
    crime_expect(CRIME_DOUBLE_FREE, p[3], 56 << 10);
    crime_free(p[3]);
    return crime_unpunished();
}
