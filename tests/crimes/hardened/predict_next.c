// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the place that was just freed is taken for the next that malloc
// gives. It is in more than one of four cases, or it is worth nothing.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    unsigned right = 0;

    crime_expect_no_effect();
    for (unsigned i = 0; i < 1000; i++) {
        const void *p = crime_malloc(size);
        crime_free((void *)(uintptr_t)p);
        right += crime_malloc(size) == p;
    }
    return crime_effect(right > 250);
}
