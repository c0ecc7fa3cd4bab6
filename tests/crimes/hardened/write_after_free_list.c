// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. The address of something else is written to a freed object that is in a
// free list, so that malloc may hand that out.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    static _Alignas(16) char wanted[262144 + 64];
    uintptr_t forged = (uintptr_t)wanted + 32;
    char *volatile p = crime_malloc(size);
    bool met = false;

    crime_free(p);
    crime_let_time_pass(size);
    crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    memcpy(p, &forged, sizeof forged);
    for (unsigned i = 0; i < crime_reuses(size); i++) {
        crime_make_reuse(size, i);
        char *q = crime_malloc(size);
        met |= q >= wanted && q < wanted + sizeof wanted;
    }
    return crime_effect(met);
}
