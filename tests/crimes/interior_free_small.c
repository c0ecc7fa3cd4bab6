// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of an address 16 bytes into an object.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(100);

    crime_expect(CRIME_INTERIOR_FREE, p + 16, 112);
    crime_free(p + 16);
    return crime_unpunished();
}
