// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Another thread frees an address inside an object.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(100);

    crime_expect(CRIME_INTERIOR_FREE, p + 64, 112);
    crime_free_by_thread(p + 64);
    return crime_unpunished();
}
