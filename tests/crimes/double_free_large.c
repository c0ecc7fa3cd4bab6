// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. An object of 5 MiB, a mapping of its own, is freed twice in a row.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(5 << 20);

    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
