// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of an address 4096 bytes behind the start of the object. With 8 bytes
// nothing has been there yet.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p = crime_malloc(size);

    crime_expect(size == 8 ? CRIME_UNALLOCATED_FREE : CRIME_INTERIOR_FREE, p + 4096,
                 crime_class(size));
    crime_free(p + 4096);
    return crime_unpunished();
}
