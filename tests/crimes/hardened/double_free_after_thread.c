// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. The first free came from another thread.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *p = crime_malloc(size);

    crime_free_by_thread(p);
    crime_expect(CRIME_DOUBLE_FREE, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
