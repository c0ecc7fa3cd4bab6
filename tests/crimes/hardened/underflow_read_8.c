// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the 8 bytes in front of the object are read.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    const volatile char *p = crime_malloc(size);

    crime_expect_unpunished();
    for (int i = 1; i <= 8; i++) {
        (void)p[-i];
    }
    return crime_unpunished();
}
