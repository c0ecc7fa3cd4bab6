// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a mebibyte is written behind the object, and meets a guard page.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    volatile char *p = crime_malloc(size);

    crime_expect_guard();
    for (size_t i = 0; i < (size_t)1 << 20; i++) {
        p[size + i] = 1;
    }
    return crime_unpunished();
}
