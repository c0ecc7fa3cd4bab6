// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. Only the ninth byte behind an object of 5 MiB is changed.

#include "sized.h"

int
main(void)
{
    size_t size = 5 << 20;
    char *volatile p = crime_malloc(size);

    crime_expect(CRIME_OVERFLOW, p, CRIME_NO_CLASS);
    p[size + 8] ^= 1;
    crime_free(p);
    return crime_unpunished();
}
