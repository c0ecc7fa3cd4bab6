// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The bytes in front of the object become eight letters.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    memset(p - 8, 0x41, 8);
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
