// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the distance from one object to the next that malloc gives is taken
// for what it was before. Among 256 it is in more than half of all cases, or not.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    uintptr_t last = (uintptr_t)crime_malloc(size);
    uintptr_t distance = 0;
    unsigned right = 0;

    crime_expect_no_effect();
    for (unsigned i = 0; i < 256; i++) {
        uintptr_t p = (uintptr_t)crime_malloc(size);
        right += p - last == distance;
        distance = p - last;
        last = p;
    }
    return crime_effect(right > 128);
}
