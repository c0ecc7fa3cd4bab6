// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The header of another live object of the same size is put in its place.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    char *volatile q = crime_malloc(size);

    memcpy(p - 8, q - 8, 8);
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
