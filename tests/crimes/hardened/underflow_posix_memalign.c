// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The byte in front of an object that is aligned to a page is changed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *aligned = NULL;

    if (posix_memalign(&aligned, 4096, size) != 0) {
        return 1;
    }
    char *volatile p = aligned;
    p[-1] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, CRIME_ANY_CLASS);
    crime_free(p);
    return crime_unpunished();
}
