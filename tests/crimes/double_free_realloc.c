// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. realloc of a freed object, which would free it again.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(40);

    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, 48);
    p = crime_realloc(p, 4000);
    return crime_unpunished();
}
