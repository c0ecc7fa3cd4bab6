// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_LIST. An overflow runs from an object into the freed one behind it.

#include "crime.h"

int
main(void)
{
    char *p[64];
    char *victim = NULL;

    for (unsigned i = 0; i < 64; i++) {
        p[i] = crime_malloc(64);
    }
    for (unsigned i = 0; i + 1 < 64 && victim == NULL; i++) {
        if (p[i + 1] == p[i] + 64) {
            victim = p[i + 1];
            crime_free(victim);
            memset(p[i], 0x41, 72);
        }
    }
    crime_expect(CRIME_CORRUPT_LIST, crime_block(victim), 64);
    while (crime_malloc(64) != NULL) {
    }
    return crime_unpunished();
}
