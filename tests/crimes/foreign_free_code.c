// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of the address of a function.

#include "crime.h"

int
main(void)
{
    void *p = (void *)((uintptr_t)&main & ~(uintptr_t)15);

    crime_expect(CRIME_FOREIGN_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
