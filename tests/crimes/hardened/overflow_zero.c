// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. The byte behind the object becomes 0, as by a string that is one too long.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[size] = 0;
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
