// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of a 4 MiB boundary inside an object of 9 MiB.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(9 << 20);

    crime_expect(CRIME_INTERIOR_FREE, p + (4 << 20), CRIME_NO_CLASS);
    crime_free(p + (4 << 20));
    return crime_unpunished();
}
