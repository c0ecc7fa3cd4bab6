// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_LIST. The link in a freed object is overwritten, and nothing is allocated any more.
// The end of the process finds it.

#include "crime.h"

int
main(void)
{
    void *p = crime_malloc(40);

    crime_free(p);
    crime_expect(CRIME_CORRUPT_LIST, crime_block(p), 48);
    memset(p, 0x41, 8);
    return 0;
}
