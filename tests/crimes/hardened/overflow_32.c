// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. 32 bytes are written behind the object.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    for (size_t i = 0; i < 32; i++) {
        p[size + i] ^= 1;
    }
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
