// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. A string as long as the object is copied to it: its terminating zero is too
// much.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    static char text[262145];

    memset(text, 'A', size);
    strcpy(p, text);
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
