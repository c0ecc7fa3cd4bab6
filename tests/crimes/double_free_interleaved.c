// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. a, b, a: a check of the last freed object alone would not see it.

#include "crime.h"

int
main(void)
{
    void *a = crime_malloc(40);
    void *b = crime_malloc(40);

    crime_free(a);
    crime_free(b);
    crime_expect(CRIME_DOUBLE_FREE, a, 48);
    crime_free(a);
    return crime_unpunished();
}
