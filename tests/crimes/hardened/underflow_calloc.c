// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The byte in front of an object of calloc is changed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_calloc(1, size);

    p[-1] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
