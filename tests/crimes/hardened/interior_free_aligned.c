// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of what may be the start of the memory in which an aligned object was
// placed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p = crime_aligned_alloc(64, size + 64);

    crime_expect(CRIME_INTERIOR_FREE, p + 32, CRIME_ANY_CLASS);
    crime_free(p + 32);
    return crime_unpunished();
}
