// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the byte in front of an object of 5 MiB is changed.

#include "sized.h"

int
main(void)
{
    char *volatile p = crime_malloc(5 << 20);

    crime_expect_guard();
    p[-1] ^= 1;
    return crime_unpunished();
}
