// SPDX-License-Identifier: MIT
//
// Crime: MISALIGNED_FREE. Free of the second byte of the object.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p = crime_malloc(size);

    crime_expect(CRIME_MISALIGNED_FREE, p + 1, crime_class(size));
    crime_free(p + 1);
    return crime_unpunished();
}
