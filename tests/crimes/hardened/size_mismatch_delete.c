// SPDX-License-Identifier: MIT
//
// Crime: SIZE_MISMATCH. delete is told the size of another type.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(new_one && delete_sized);
    void *p = new_one(size);

    crime_expect(CRIME_SIZE_MISMATCH, p, crime_class(size));
    delete_sized(p, 8 * size);
    return crime_unpunished();
}
