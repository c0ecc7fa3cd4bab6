// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: an object of no bytes is read.

#include "sized.h"

int
main(void)
{
    volatile char *p = crime_malloc(0);

    crime_expect_guard();
    (void)*p;
    return crime_unpunished();
}
