// SPDX-License-Identifier: MIT
//
// Crime: CORRUPT_HEADER. The byte in front of an object of new is changed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = (crime_need(new_one && delete_one), new_one(size));

    p[-1] ^= 1;
    crime_expect(CRIME_CORRUPT_HEADER, p, crime_class(size));
    delete_one(p);
    return crime_unpunished();
}
