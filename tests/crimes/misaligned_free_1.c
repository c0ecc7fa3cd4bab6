// SPDX-License-Identifier: MIT
//
// Crime: MISALIGNED_FREE. Free of an odd address inside an object.

#include "crime.h"

int
main(void)
{
    char *p = crime_malloc(100);

    crime_expect(CRIME_MISALIGNED_FREE, p + 1, 112);
    crime_free(p + 1);
    return crime_unpunished();
}
