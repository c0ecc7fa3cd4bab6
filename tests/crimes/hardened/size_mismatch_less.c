// SPDX-License-Identifier: MIT
//
// Crime: SIZE_MISMATCH. free_sized names one byte too few.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(free_sized);
    void *p = crime_malloc(size);

    crime_expect(CRIME_SIZE_MISMATCH, p, crime_class(size));
    free_sized(p, size - 1);
    return crime_unpunished();
}
