// SPDX-License-Identifier: MIT
//
// Crime: none that has a name. 64 bytes behind the object are read.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    const volatile char *p = crime_malloc(size);

    crime_expect_unpunished();
    for (size_t i = 0; i < 64; i++) {
        (void)p[size + i];
    }
    return crime_unpunished();
}
