// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_LIST. What is in front of one freed object is copied in front of another, so that
// malloc hands out one place twice. 256 KiB are in no list; those that are free look alike there.

#include "sized.h"

int
main(int argc, char **argv)
{
    enum { COUNT = 4000 };
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    char *volatile q = crime_malloc(size);
    unsigned *object[COUNT];
    unsigned count = crime_reuses(size);
    bool met = false;

    crime_free(p);
    crime_free(q);
    crime_let_time_pass(size);
    if (crime_is_run(size)) {
        crime_expect_no_effect();
    } else {
        crime_expect(CRIME_CORRUPT_LIST, crime_list(p, size), crime_class(size));
    }
    memcpy(p - 8, q - 8, 8);
    for (unsigned i = 0; i < count; i++) {
        crime_make_reuse(size, i);
        object[i] = crime_malloc(size);
        *object[i] = i;
    }
    for (unsigned i = 0; i < count; i++) {
        met |= *object[i] != i;
    }
    return crime_effect(met);
}
