// SPDX-License-Identifier: MIT
//
// Crime: WRITE_AFTER_FREE. An index leads from an object into memory that nobody has had yet, so
// that calloc hands out what is not zero. With 256 KiB it cannot be accessed.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    bool met = false;

    if (crime_is_run(size)) {
        crime_expect_guard();
    } else {
        crime_expect(CRIME_WRITE_AFTER_FREE, p + crime_class(size), crime_class(size));
    }
    p[crime_class(size)] ^= 1;
    for (unsigned i = 0; i < 200; i++) {
        met |= !crime_is_zero(crime_calloc(1, size), size);
    }
    return crime_effect(met);
}
