// SPDX-License-Identifier: MIT
//
// Crime: UNALLOCATED_FREE. Free of an address in a block of the heap that nobody uses.

#include "crime.h"

int
main(void)
{
    uintptr_t base = (uintptr_t)crime_malloc(100) & ~(uintptr_t)((4 << 20) - 1);
    void *p = (void *)(base + (uintptr_t)63 * 65536);

    crime_expect(CRIME_UNALLOCATED_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
