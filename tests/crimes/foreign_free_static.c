// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of a static variable.

#include "crime.h"

int
main(void)
{
    static _Alignas(16) char data[64];

    crime_expect(CRIME_FOREIGN_FREE, data, CRIME_NO_CLASS);
    crime_free(data);
    return crime_unpunished();
}
