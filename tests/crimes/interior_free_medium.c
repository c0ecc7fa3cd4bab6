// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of the middle of an object of 24 KiB.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(24 << 10);

    crime_expect(CRIME_INTERIOR_FREE, p + (12 << 10), 24 << 10);
    crime_free(p + (12 << 10));
    return crime_unpunished();
}
