// SPDX-License-Identifier: MIT
//
// Crime: OUT_OF_BOUNDS. strcat appends to a string that fills its object.

#include "copies.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    memset(p, 'a', size - 1);
    crime_expect(CRIME_OUT_OF_BOUNDS, p, crime_copy_class(size));
    crime_strcat(p, "b");
    return crime_unpunished();
}
