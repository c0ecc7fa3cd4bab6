// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. The object was handed out again in between, and both holders free it.

#include "crime.h"

int
main(void)
{
    void *first = crime_malloc(40);
    void *keep = crime_malloc(40);
    void *second;

    crime_free(first);
    do {
        second = crime_malloc(40);
    } while (second != first);
    crime_free(first);
    crime_expect(CRIME_DOUBLE_FREE, second, 48);
    crime_free(second);
    crime_free(keep);
    return crime_unpunished();
}
