// SPDX-License-Identifier: MIT
//
// Crime: OUT_OF_BOUNDS. strncpy pads with zeroes beyond the end of the object.

#include "copies.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_expect(CRIME_OUT_OF_BOUNDS, p, crime_copy_class(size));
    crime_strncpy(p, "a", size + 1);
    return crime_unpunished();
}
