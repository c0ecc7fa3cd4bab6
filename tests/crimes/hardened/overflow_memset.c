// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. memset writes one byte too many.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    memset(p, p[size] ^ 1, size + 1);
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
