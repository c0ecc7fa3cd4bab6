// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. One byte is written behind the object, which is then freed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
