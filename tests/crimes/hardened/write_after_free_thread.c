// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. Another thread has freed the object that is written to.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_free_by_thread(p);
    crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    p[size - 1] = 1;
    crime_reuse_all(size);
    return crime_unpunished();
}
