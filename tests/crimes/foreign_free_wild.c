// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of an address where nothing is mapped.

#include "crime.h"

int
main(void)
{
    void *p = (void *)(uintptr_t)0x1234560;

    crime_expect(CRIME_FOREIGN_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
