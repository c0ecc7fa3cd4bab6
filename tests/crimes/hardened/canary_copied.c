// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. What is behind another object of the same size is copied behind this one.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    char *volatile q = crime_malloc(size);

    memcpy(p + size, q + size, 8);
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
