// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of an address inside the first 4 MiB of an object of 9 MiB.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(9 << 20);

    crime_expect(CRIME_INTERIOR_FREE, p + 4096, CRIME_NO_CLASS);
    crime_free(p + 4096);
    return crime_unpunished();
}
