// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a dangling pointer is to lead to an object of somebody who allocates
// and frees as often as he likes.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    const void *p = crime_malloc(size);
    bool met = false;

    crime_free((void *)(uintptr_t)p);
    crime_expect_unpunished();
    for (unsigned i = 0; i < 100000 && !met; i++) {
        void *q = crime_malloc(size);
        met = q == p;
        crime_free(q);
    }
    return crime_effect(met);
}
