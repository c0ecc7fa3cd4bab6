// SPDX-License-Identifier: MIT
//
// Crime: KIND_MISMATCH. What malloc gave is given to delete.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(delete_one);
    void *p = crime_malloc(size);

    crime_expect(CRIME_KIND_MISMATCH, p, crime_class(size));
    delete_one(p);
    return crime_unpunished();
}
