// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a new object is read before it was written to, and may show what
// another one held.

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
    leave_traces(size);
    crime_expect_no_effect();
    return crime_effect(!crime_is_zero(crime_malloc(size), size));
}
