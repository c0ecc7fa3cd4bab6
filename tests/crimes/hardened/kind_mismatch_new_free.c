// SPDX-License-Identifier: MIT
//
// Crime: KIND_MISMATCH. What new gave is given to free.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(new_one);
    void *p = new_one(size);

    crime_expect(CRIME_KIND_MISMATCH, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
