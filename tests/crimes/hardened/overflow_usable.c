// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. The program asks for the usable size, makes the object smaller, and fills what
// it asked for.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p = crime_malloc(size + 16);
    size_t usable = malloc_usable_size(p);

    p = crime_realloc(p, size);
    crime_expect(CRIME_OVERFLOW, p, CRIME_ANY_CLASS);
    memset(p, p[size] ^ 1, usable);
    crime_free(p);
    return crime_unpunished();
}
