// SPDX-License-Identifier: MIT
//
// Crime: SIZE_MISMATCH. delete[] is told one byte too few.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(new_array && delete_array_sized);
    void *p = new_array(size);

    crime_expect(CRIME_SIZE_MISMATCH, p, crime_class(size));
    delete_array_sized(p, size - 1);
    return crime_unpunished();
}
