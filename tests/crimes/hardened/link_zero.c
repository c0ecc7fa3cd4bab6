// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_LIST. What is in front of a freed object becomes zero, so that the list ends, or
// goes on elsewhere. 256 KiB are in no list, but have a header (CORRUPT_HEADER).

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
        crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    } else {
        crime_expect(CRIME_CORRUPT_LIST, crime_list(p, size), crime_class(size));
    }
    memset(p - 8, 0, 8);
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
