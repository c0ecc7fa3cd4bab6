// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a dangling pointer is to lead to an object of somebody who
// allocates, but frees nothing.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    const void *p = crime_malloc(size);
    bool met = false;

    crime_free((void *)(uintptr_t)p);
    crime_expect_no_effect();
    for (unsigned i = 0; i < 100; i++) {
        met |= crime_malloc(size) == p;
    }
    return crime_effect(met);
}
