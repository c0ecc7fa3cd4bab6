// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: an array of no elements is written to.

#include "sized.h"

int
main(void)
{
    crime_need(new_array);
    volatile char *p = new_array(0);

    crime_expect_guard();
    *p = 1;
    return crime_unpunished();
}
