// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: what was in an object of 5 MiB, which was a mapping of its own, is
// read after it was freed.

#include "sized.h"

int
main(void)
{
    size_t size = 5 << 20;
    char *volatile p = crime_malloc(size);

    crime_use(p, size);
    crime_free(p);
    crime_expect_guard();
    return crime_effect(!crime_is_zero(p, size));
}
