// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The object is never freed; the end of the process finds it.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[-3] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    return crime_unpunished();
}
