// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. An aligned object of no bytes is written to.

#include "sized.h"

int
main(void)
{
    char *volatile p = crime_aligned_alloc(64, 0);

    *p ^= 1;
    crime_expect(CRIME_OVERFLOW, p, CRIME_ANY_CLASS);
    crime_free(p);
    return crime_unpunished();
}
