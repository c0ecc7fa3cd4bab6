// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. One byte behind an object of new[].

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = (crime_need(new_array && delete_array), new_array(size));

    p[size] ^= 1;
    crime_expect(CRIME_OVERFLOW, p, crime_class(size));
    delete_array(p);
    return crime_unpunished();
}
