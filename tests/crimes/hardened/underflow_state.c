// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The header is made to say that the object has been freed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[-8] ^= 1; // LIVE becomes FREE
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
