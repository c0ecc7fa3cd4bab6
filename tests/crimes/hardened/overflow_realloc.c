// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. The overflow is found by realloc.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    p = crime_realloc(p, size + 1);
    return crime_unpunished();
}
