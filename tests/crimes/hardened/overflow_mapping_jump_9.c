// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: only the ninth byte behind an object of 5 MiB is changed.

#include "sized.h"

int
main(void)
{
    size_t size = 5 << 20;
    char *volatile p = crime_malloc(size);

    crime_expect_unpunished();
    p[size + 8] ^= 1;
    crime_free(p);
    return crime_unpunished();
}
