// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. An object of 300 KiB, a run of blocks of its own, is freed twice in a row.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(300 << 10);

    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, 320 << 10);
    crime_free(p);
    return crime_unpunished();
}
