// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. One byte behind an object that realloc has made larger.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_realloc(crime_malloc(size), size + 4);

    p[size + 4] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, CRIME_ANY_CLASS);
    crime_free(p);
    return crime_unpunished();
}
