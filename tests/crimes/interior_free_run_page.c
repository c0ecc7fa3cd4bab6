// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of a page inside the first block of an object of 300 KiB.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(300 << 10);

    crime_expect(CRIME_INTERIOR_FREE, p + (4 << 10), 320 << 10);
    crime_free(p + (4 << 10));
    return crime_unpunished();
}
