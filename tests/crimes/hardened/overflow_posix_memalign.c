// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. One byte behind an object that is aligned to a page.

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
    p[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, CRIME_ANY_CLASS);
    crime_free(p);
    return crime_unpunished();
}
