// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. A run of blocks, freed by its maker and then by another thread.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(300 << 10);

    // A thread before the crime, so that starting the second one allocates nothing in the freed
    // run.
    crime_free_by_thread(crime_malloc(40));
    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, 320 << 10);
    crime_free_by_thread(p);
    return crime_unpunished();
}
