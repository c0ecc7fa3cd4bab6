// SPDX-License-Identifier: MIT
//
// Crime: UNALLOCATED_FREE. Free of a place in a block that no object has had yet.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(4000); // the last of its 64 KiB are not cut into chunks yet

    p = (char *)((uintptr_t)p & ~(uintptr_t)0xffff) + 12 * 4096;
    crime_expect(CRIME_UNALLOCATED_FREE, p, 4096);
    crime_free(p);
    return crime_unpunished();
}
