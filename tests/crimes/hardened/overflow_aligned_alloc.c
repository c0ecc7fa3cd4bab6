// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. One byte behind an object that is aligned to 64 bytes.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_aligned_alloc(64, size);

    p[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, CRIME_ANY_CLASS);
    crime_free(p);
    return crime_unpunished();
}
