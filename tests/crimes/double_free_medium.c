// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. An object of 24 KiB is freed twice in a row.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(24 << 10);

    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, 24 << 10);
    crime_free(p);
    return crime_unpunished();
}
