// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the same as predict_next, with objects of which few find room in a
// pen of the quarantine.

#include "sized.h"

int
main(void)
{
    unsigned right = 0;

    crime_expect_no_effect();
    for (unsigned i = 0; i < 1000; i++) {
        const void *p = crime_malloc(20000);
        crime_free((void *)(uintptr_t)p);
        right += crime_malloc(20000) == p;
    }
    return crime_effect(right > 250);
}
