// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. Of an object of no bytes.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(0);

    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
