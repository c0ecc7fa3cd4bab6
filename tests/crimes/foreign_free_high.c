// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of an address that is a heap address but for its highest bits.

#include "crime.h"

int
main(void)
{
    void *p = (void *)((uintptr_t)crime_malloc(100) | (uintptr_t)0xffff << 48);

    crime_expect(CRIME_FOREIGN_FREE, p, CRIME_NO_CLASS);
    crime_free(p);
    return crime_unpunished();
}
