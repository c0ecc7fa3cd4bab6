// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. memcpy begins one byte too early.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    static char copy[262144];

    memcpy(copy, p - 1, size);
    copy[0] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    memcpy(p - 1, copy, size);
    crime_free(p);
    return crime_unpunished();
}
