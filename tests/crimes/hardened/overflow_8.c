// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. Eight letters are written behind the object.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    memset(p + size, 0x41, 8);
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
