// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. Nobody gets the place again; the end of the process finds it.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_free(p);
    crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    p[size - 1] = 1;
    return crime_unpunished();
}
