// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: what was in an object is read after it was freed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_use(p, size);
    crime_free(p);
    crime_expect_no_effect();
    return crime_effect(!crime_is_zero(p, size));
}
