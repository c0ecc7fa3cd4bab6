// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. Two other threads free it, one after the other.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(40);

    crime_free_by_thread(p);
    crime_expect(CRIME_DOUBLE_FREE, p, 48);
    crime_free_by_thread(p);
    return crime_unpunished();
}
