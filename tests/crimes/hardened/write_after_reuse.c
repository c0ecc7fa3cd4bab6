// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a freed object is written to when it has become another one.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    char *q;

    crime_free(p);
    crime_expect_unpunished();
    for (unsigned i = 0; (q = crime_malloc(size)) != p && i < 100000; i++) {
        crime_free(q);
    }
    *q = 'A';
    *p = 'B';
    return crime_effect(*(volatile char *)q == 'B');
}
