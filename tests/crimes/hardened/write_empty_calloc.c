// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: an object of no bytes is written to that calloc made of none of 8.

#include "sized.h"

int
main(void)
{
    volatile char *p = crime_calloc(0, 8);

    crime_expect_guard();
    *p = 1;
    return crime_unpunished();
}
