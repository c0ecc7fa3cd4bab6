// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. A freed object is given to realloc.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *p = crime_malloc(size);

    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, crime_class(size));
    p = crime_realloc(p, 2 * size);
    return crime_unpunished();
}
