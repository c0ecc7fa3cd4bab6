// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of the address 1, as of an error code that was taken for a pointer.

#include "crime.h"

int
main(void)
{
    void *p = (void *)1;

    crime_expect(CRIME_FOREIGN_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
