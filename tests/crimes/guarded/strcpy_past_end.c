// SPDX-License-Identifier: MIT
//
// Crime: OUT_OF_BOUNDS. strcpy writes a string that has no room for its end.

#include "copies.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    memset(crime_other, 'a', size);
    crime_expect(CRIME_OUT_OF_BOUNDS, p, crime_copy_class(size));
    crime_strcpy(p, crime_other);
    return crime_unpunished();
}
