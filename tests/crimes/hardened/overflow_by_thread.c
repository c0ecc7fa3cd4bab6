// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. Another thread frees the object.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[size + 7] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free_by_thread(p);
    return crime_unpunished();
}
