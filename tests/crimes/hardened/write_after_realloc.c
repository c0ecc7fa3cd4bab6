// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. An object is written to through the pointer it had before realloc moved
// it.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    char *q = crime_realloc(p, 5 * size);
    crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    p[size - 1] = 1;
    crime_reuse_all(size);
    return crime_effect(q != p);
}
