// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. Thousands of other allocations and frees lie between the two frees.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(100);
    void *others[5000];

    crime_free(p);
    for (unsigned i = 0; i < 5000; i++) {
        others[i] = crime_malloc(i % 50); // other classes, so that p is not handed out again
    }
    for (unsigned i = 0; i < 5000; i++) {
        crime_free(others[i]);
    }
    crime_expect(CRIME_DOUBLE_FREE, p, 112);
    crime_free(p);
    return crime_unpunished();
}
