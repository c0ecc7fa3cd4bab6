// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: what an object got by realloc is read before it was written to.

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
    leave_traces(2 * size);
    leave_traces(size);
    crime_expect_no_effect();
    char *p = crime_realloc(crime_malloc(size), 2 * size);
    return crime_effect(!crime_is_zero(p + size, size));
}
