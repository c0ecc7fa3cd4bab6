// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. Of an object that is aligned to 64 bytes.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *p = crime_aligned_alloc(64, size);

    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, CRIME_ANY_CLASS);
    crime_free(p);
    return crime_unpunished();
}
