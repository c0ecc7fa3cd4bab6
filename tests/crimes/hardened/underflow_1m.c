// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a mebibyte is written in front of the object, downwards, and meets a
// guard page.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    volatile char *p = crime_malloc(size);

    crime_expect_guard();
    for (int i = 1; i <= 1 << 20; i++) {
        p[-i] = 1;
    }
    return crime_unpunished();
}
