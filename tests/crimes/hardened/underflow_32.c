// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. 32 bytes in front of the object are changed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *before;
    char *p;

    crime_neighbours(size, &before, &p);
    for (unsigned i = 1; i <= 32; i++) {
        p[-(int)i] ^= 1;
    }
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
