// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a new object is read, and other threads have freed what had its
// place.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    enum { COUNT = 100 };
    void *p[COUNT];
    bool met = false;

    for (unsigned i = 0; i < COUNT; i++) {
        p[i] = crime_malloc(size);
        crime_use(p[i], size);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        crime_free_by_thread(p[i]);
    }
    crime_expect_no_effect();
    for (unsigned i = 0; i < 2 * COUNT; i++) {
        met |= !crime_is_zero(crime_malloc(size), size);
    }
    return crime_effect(met);
}
