// SPDX-License-Identifier: MIT
//
// Crime: OUT_OF_BOUNDS. memcpy writes one byte, in front of the object; or, since in front of a
// mapping is nothing of libapex's, behind it.

#include "copies.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    size_t class_bytes = crime_copy_class(size);
    char *volatile p = crime_malloc(size);

    crime_expect(CRIME_OUT_OF_BOUNDS, p, class_bytes);
    crime_memcpy(class_bytes == CRIME_NO_CLASS ? p + size : p - 1, crime_other, 1);
    return crime_unpunished();
}
