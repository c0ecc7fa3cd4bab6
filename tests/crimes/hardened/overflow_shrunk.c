// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. The object was made smaller by realloc, and is then written to as if it had not
// been.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_realloc(crime_malloc(2 * size), size);

    p[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, CRIME_ANY_CLASS);
    crime_free(p);
    return crime_unpunished();
}
