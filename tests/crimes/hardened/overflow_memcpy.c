// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. memcpy writes one byte too many.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    static char copy[262145];

    memcpy(copy, p, size + 1);
    copy[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    memcpy(p, copy, size + 1);
    crime_free(p);
    return crime_unpunished();
}
