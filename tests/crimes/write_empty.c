// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: an object of no bytes is written to.

#include "crime.h"

int
main(void)
{
    volatile char *p = crime_malloc(0);

    crime_expect_guard();
    *p = 1;
    return crime_unpunished();
}
