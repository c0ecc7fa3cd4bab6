// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_LIST. The link in a freed object is overwritten; the pop that follows it must
// stop.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(40);
    void *q;

    crime_free(p);
    memset(p, 0x41, 8);
    crime_expect(CRIME_CORRUPT_LIST, crime_block(p), 48);
    do {
        q = crime_malloc(40);
    } while (q != NULL);
    return crime_unpunished();
}
