// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The underflow is found by realloc.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[-1] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    p = crime_realloc(p, size + 1);
    return crime_unpunished();
}
