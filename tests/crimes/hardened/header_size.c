// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The header is made to tell of a larger object, the checksum being as it
// was.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[-6] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
