// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. One byte behind an object of calloc.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_calloc(1, size);

    p[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
