// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: an object is read through the pointer it had before realloc moved
// it.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_use(p, size);
    char *q = crime_realloc(p, 5 * size);
    crime_expect_no_effect();
    return crime_effect(q != p && !crime_is_zero(p, size));
}
