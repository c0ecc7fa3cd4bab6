// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: one byte is written a mebibyte behind the object.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    volatile char *p = crime_malloc(size);

    crime_expect_guard();
    p[size - 1 + ((size_t)1 << 20)] ^= 1;
    return crime_unpunished();
}
