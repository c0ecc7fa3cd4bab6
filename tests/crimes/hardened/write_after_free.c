// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. A freed object is written to. Who gets the place notices.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_free(p);
    crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    p[size / 2] = 1;
    for (unsigned i = 0; i < 1000; i++) {
        crime_free(crime_malloc(size));
    }
    return crime_unpunished();
}
