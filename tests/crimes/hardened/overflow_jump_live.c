// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: an index leads from an object into the next one, which is live.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p;
    char *behind;

    crime_neighbours(size, &p, &behind);
    *behind = 'A';
    crime_expect_unpunished();
    p[behind - p] = 'B';
    crime_free(p);
    return crime_effect(*behind == 'B');
}
