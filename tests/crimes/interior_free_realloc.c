// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. realloc of an address inside an object.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(100);

    crime_expect(CRIME_INTERIOR_FREE, p + 32, 112);
    p = crime_realloc(p + 32, 4000);
    return crime_unpunished();
}
