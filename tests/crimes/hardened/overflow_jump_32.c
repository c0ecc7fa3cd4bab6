// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. Only the 32nd byte behind the object is changed. With 8 bytes that is in the
// freed object behind it, where the end of the process finds it.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p;
    char *behind;

    crime_neighbours(size, &p, &behind);
    crime_free(behind);
    p[size + 31] ^= 1;
    if (size == 8) {
        crime_expect(CRIME_WRITE_AFTER_FREE, behind, crime_class(size));
    } else {
        crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    }
    crime_free(p);
    return crime_unpunished();
}
