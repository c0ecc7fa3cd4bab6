// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of a block boundary inside an object of 300 KiB.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(300 << 10);

    crime_expect(CRIME_INTERIOR_FREE, p + (128 << 10), 320 << 10);
    crime_free(p + (128 << 10));
    return crime_unpunished();
}
