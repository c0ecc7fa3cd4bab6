// SPDX-License-Identifier: MIT
//
// Crime: USE_AFTER_FREE. memcpy reads an object that was freed.

#include "copies.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_free(p);
    crime_expect(CRIME_USE_AFTER_FREE, p, crime_copy_class(size));
    crime_memcpy(crime_other, p, size);
    return crime_unpunished();
}
