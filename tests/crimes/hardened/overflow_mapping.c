// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. One byte behind an object of 5 MiB, which is a mapping of its own.

#include "sized.h"

int
main(void)
{
    size_t size = 5 << 20;
    char *volatile p = crime_malloc(size);

    p[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
