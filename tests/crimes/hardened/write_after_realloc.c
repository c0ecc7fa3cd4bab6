// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. An object is written to through the pointer it had before realloc moved
// it.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    char *q = crime_realloc(p, 5 * size);
    if (crime_is_hidden(size)) {
        crime_expect_guard();
    } else {
        crime_expect(CRIME_WRITE_AFTER_FREE, p, crime_class(size));
    }
    p[size - 1] = 1;
    crime_let_time_pass();
    for (unsigned i = 0; i < 1000; i++) {
        crime_malloc(size);
    }
    return crime_effect(q != p);
}
