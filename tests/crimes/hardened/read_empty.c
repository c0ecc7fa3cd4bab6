// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: an object of no bytes is read.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    volatile char *p = crime_malloc(0);

    (void)size;
    crime_expect_guard();
    (void)*p;
    return crime_unpunished();
}
