// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. Only the 32nd byte in front of the object is changed, which lies in a
// freed object. The end of the process finds it. With 256 KiB it lies before the first chunk of a
// run.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *before;
    char *p;

    crime_neighbours(size, &before, &p);
    crime_free(before);
    if (crime_is_run(size)) {
        crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    } else {
        crime_expect(CRIME_WRITE_AFTER_FREE, before, crime_class(size));
    }
    p[-32] ^= 1;
    crime_free(p);
    return crime_unpunished();
}
