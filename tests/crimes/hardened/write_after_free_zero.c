// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: zeroes are written to a freed object.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_use(p, size);
    crime_free(p);
    crime_expect_no_effect();
    bool was_zero = crime_is_zero(p, size);
    memset(p, 0, size);
    return crime_effect(!was_zero);
}
