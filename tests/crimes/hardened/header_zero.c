// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The header becomes zero.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    memset(p - 8, 0, 8);
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
