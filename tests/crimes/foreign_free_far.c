// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of an address 1 GiB behind an object.

#include "crime.h"

int
main(void)
{
    char *p = (char *)crime_malloc(100) + ((size_t)1 << 30);

    crime_expect(CRIME_FOREIGN_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
