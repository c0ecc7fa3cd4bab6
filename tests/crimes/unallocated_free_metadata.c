// SPDX-License-Identifier: MIT
//
// Crime: UNALLOCATED_FREE. Free of an address in the part of the heap that libapex keeps for
// itself.

#include "crime.h"

int
main(void)
{
    uintptr_t base = (uintptr_t)crime_malloc(100) & ~(uintptr_t)((4 << 20) - 1);
    void *p = (void *)(base + 4096);

    crime_expect(CRIME_UNALLOCATED_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
