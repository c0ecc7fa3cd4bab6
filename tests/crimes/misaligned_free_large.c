// SPDX-License-Identifier: MIT
//
// Crime: MISALIGNED_FREE. Free of an address 8 bytes into an object of 5 MiB.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(5 << 20);

    crime_expect(CRIME_MISALIGNED_FREE, p + 8, CRIME_NO_CLASS);
    crime_free(p + 8);
    return crime_unpunished();
}
