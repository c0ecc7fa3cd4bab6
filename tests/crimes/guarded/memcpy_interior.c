// SPDX-License-Identifier: MIT
//
// Crime: OUT_OF_BOUNDS. memcpy begins at the last byte of the object and writes two.

#include "copies.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_expect(CRIME_OUT_OF_BOUNDS, p, crime_copy_class(size));
    crime_memcpy(p + size - 1, crime_other, 2);
    return crime_unpunished();
}
