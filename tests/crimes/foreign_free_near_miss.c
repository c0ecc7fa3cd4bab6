// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of the first address behind the 4 MiB that hold an object.

#include "crime.h"

int
main(void)
{
    uintptr_t p = (uintptr_t)crime_malloc(100);
    void *behind = (void *)((p & ~(uintptr_t)((4 << 20) - 1)) + ((uintptr_t)4 << 20));

    crime_expect(CRIME_FOREIGN_FREE, behind, CRIME_NO_CLASS);
    crime_free(behind);
    return crime_unpunished();
}
