// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the place was handed out again, and who had it first frees it under
// the other's hands.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *p = crime_malloc(size);
    void *q;

    crime_free(p);
    crime_expect_unpunished();
    for (unsigned i = 0; (q = crime_malloc(size)) != p && i < 100000; i++) {
        crime_free(q);
    }
    if (q == p) {
        crime_free(p);
    }
    return crime_effect(q == p);
}
