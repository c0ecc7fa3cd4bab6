// SPDX-License-Identifier: MIT
//
// Crime: SIZE_MISMATCH. free_sized names the size from before realloc.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(free_sized);
    void *p = crime_realloc(crime_malloc(size), size + 1);

    crime_expect(CRIME_SIZE_MISMATCH, p, crime_class(size));
    free_sized(p, size);
    return crime_unpunished();
}
