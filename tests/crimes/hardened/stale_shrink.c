// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: what an object lost by realloc is there again when it grows.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p = crime_malloc(2 * size);

    crime_use(p, 2 * size);
    p = crime_realloc(p, size);
    p = crime_realloc(p, 2 * size);
    crime_expect_no_effect();
    return crime_effect(!crime_is_zero(p + size, size));
}
