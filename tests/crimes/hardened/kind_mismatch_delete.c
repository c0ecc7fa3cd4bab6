// SPDX-License-Identifier: MIT
//
// Crime: KIND_MISMATCH. What new[] gave is given to delete.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(new_array && delete_one);
    void *p = new_array(size);

    crime_expect(CRIME_KIND_MISMATCH, p, crime_class(size));
    delete_one(p);
    return crime_unpunished();
}
