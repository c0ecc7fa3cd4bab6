// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. An object of new is deleted twice.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(new_one && delete_one);
    void *p = new_one(size);

    delete_one(p);
    crime_expect(CRIME_DOUBLE_FREE, p, crime_class(size));
    delete_one(p);
    return crime_unpunished();
}
