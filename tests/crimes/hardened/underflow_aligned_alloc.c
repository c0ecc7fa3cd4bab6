// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The byte in front of an object that is aligned to 64 bytes is changed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_aligned_alloc(64, size);

    p[-1] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, CRIME_ANY_CLASS);
    crime_free(p);
    return crime_unpunished();
}
