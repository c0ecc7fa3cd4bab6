// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: one byte behind an object of 5 MiB that is never freed.

#include "sized.h"

int
main(void)
{
    size_t size = 5 << 20;
    char *volatile p = crime_malloc(size);

    crime_expect_unpunished();
    p[size] ^= 1;
    return crime_unpunished();
}
