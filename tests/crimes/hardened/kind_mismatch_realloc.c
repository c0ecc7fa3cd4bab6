// SPDX-License-Identifier: MIT
//
// Crime: KIND_MISMATCH. What new gave is given to realloc.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(new_one);
    void *p = new_one(size);

    crime_expect(CRIME_KIND_MISMATCH, p, crime_class(size));
    p = crime_realloc(p, 2 * size);
    return crime_effect(p != NULL);
}
