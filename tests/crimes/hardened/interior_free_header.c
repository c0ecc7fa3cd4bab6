// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of an address 16 bytes in front of the object, where allocators keep
// what they know of it. With 256 KiB no object has ever been there.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *before;
    char *p;

    crime_neighbours(size, &before, &p);
    crime_need(p - 16 != before);
    crime_expect(crime_is_run(size) ? CRIME_UNALLOCATED_FREE : CRIME_INTERIOR_FREE, p - 16,
                 crime_class(size));
    crime_free(p - 16);
    return crime_unpunished();
}
