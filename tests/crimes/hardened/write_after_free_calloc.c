// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. A freed object is written to, so that calloc hands out memory that is
// not zero.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    bool met = false;

    crime_free(p);
    crime_let_time_pass(size);
    crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    p[size - 1] = 1;
    for (unsigned i = 0; i < crime_reuses(size); i++) {
        crime_make_reuse(size, i);
        met |= !crime_is_zero(crime_calloc(1, size), size);
    }
    return crime_effect(met);
}
