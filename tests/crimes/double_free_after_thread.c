// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. Another thread freed it first, and the owner has not heard of that.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(40);

    crime_free_by_thread(p);
    crime_expect(CRIME_DOUBLE_FREE, p, 48);
    crime_free(p);
    return crime_unpunished();
}
