// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. Another thread frees the object.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[-1] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    crime_free_by_thread(p);
    return crime_unpunished();
}
