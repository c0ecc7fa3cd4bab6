// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. Only the checksum of another object's header is put in its place.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    char *volatile q = crime_malloc(size);

    memcpy(p - 4, q - 4, 4);
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
