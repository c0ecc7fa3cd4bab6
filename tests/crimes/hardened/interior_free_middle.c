// SPDX-License-Identifier: MIT
//
// Crime: INTERIOR_FREE. Free of the middle of the object, which for 8 bytes is misaligned.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p = crime_malloc(size);

    crime_expect(size == 8 ? CRIME_MISALIGNED_FREE : CRIME_INTERIOR_FREE, p + size / 2,
                 crime_class(size));
    crime_free(p + size / 2);
    return crime_unpunished();
}
