// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. A small object is freed twice in a row.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(24);

    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, 32);
    crime_free(p);
    return crime_unpunished();
}
