// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. After 1000 other frees.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *p = crime_malloc(size);

    crime_free(p);
    for (unsigned i = 0; i < 1000; i++) {
        crime_free(crime_malloc(24));
    }
    crime_expect(CRIME_DOUBLE_FREE, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
