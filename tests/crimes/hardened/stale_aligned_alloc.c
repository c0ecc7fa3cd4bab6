// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the same of an object that is aligned to 64 bytes.

#include "sized.h"

// Objects that were used and freed, so that all places at hand are used ones.
static void
leave_traces(size_t size)
{
    enum { COUNT = 256 };
    void *p[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        p[i] = crime_malloc(size);
        crime_use(p[i], size);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        crime_free(p[i]);
    }
}

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    leave_traces(size < 64 ? 64 : size);
    crime_expect_no_effect();
    return crime_effect(!crime_is_zero(crime_aligned_alloc(64, size), size));
}
