// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a mebibyte behind the object is read.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    const volatile char *p = crime_malloc(size);

    crime_expect_guard();
    for (size_t i = 0; i < (size_t)1 << 20; i++) {
        (void)p[size + i];
    }
    return crime_unpunished();
}
