// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a negative index leads from an object into the one before it, which
// is live.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *before;
    char *p;

    crime_neighbours(size, &before, &p);
    *before = 'A';
    crime_expect_unpunished();
    p[before - p] = 'B';
    crime_free(p);
    return crime_effect(*before == 'B');
}
