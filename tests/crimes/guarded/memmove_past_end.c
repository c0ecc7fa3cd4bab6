// SPDX-License-Identifier: MIT
//
// Crime: OUT_OF_BOUNDS. memmove shifts an object's bytes by one, the last one out of it.

#include "copies.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_expect(CRIME_OUT_OF_BOUNDS, p, crime_copy_class(size));
    crime_memmove(p + 1, p, size);
    return crime_unpunished();
}
