// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of an address 16 bytes into the chunk.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p = crime_malloc(size);

    crime_expect(CRIME_INTERIOR_FREE, p + 16, crime_class(size));
    crime_free(p + 16);
    return crime_unpunished();
}
