// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of a local variable.

#include "crime.h"

int
main(void)
{
    _Alignas(16) char local[64] = {0};

    crime_expect(CRIME_FOREIGN_FREE, local, CRIME_NO_CLASS);
    crime_free(local);
    return crime_unpunished();
}
