// SPDX-License-Identifier: MIT
//
// Crime: MISALIGNED_FREE. Free of an address 8 bytes into an object.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(100);

    crime_expect(CRIME_MISALIGNED_FREE, p + 8, 112);
    crime_free(p + 8);
    return crime_unpunished();
}
