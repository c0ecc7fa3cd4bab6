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
    if (crime_is_hidden(size)) {
        crime_expect_guard();
    } else {
        crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    }
    p[size - 1] = 1;
    for (unsigned i = 0; i < 1000; i++) {
        crime_malloc(size);
    }
    return crime_unpunished();
}
