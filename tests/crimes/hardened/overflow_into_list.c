// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. An overflow runs from an object into the freed one behind it, which is
// in a free list. With 256 KiB there is a guard page between them.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *p;
    char *behind;

    crime_neighbours(size, &p, &behind);
    crime_free(behind);
    crime_let_time_pass(size);
    if (crime_is_run(size)) {
        crime_expect_guard();
    } else {
        crime_expect(CRIME_WRITE_AFTER_FREE, behind, crime_class(size));
    }
    memset(p, 'A', (size_t)(behind - p) + 8);
    crime_reuse_all(size);
    return crime_unpunished();
}
