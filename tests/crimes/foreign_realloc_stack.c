// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. realloc of a local variable.

#include "crime.h"

int
main(void)
{
    _Alignas(16) char local[64] = {0};
    void *p = local;

    crime_expect(CRIME_FOREIGN_FREE, p, CRIME_NO_CLASS);
    p = crime_realloc(p, 1000);
    return crime_unpunished();
}
