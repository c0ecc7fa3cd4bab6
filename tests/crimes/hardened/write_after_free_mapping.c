// SPDX-License-Identifier: MIT
//
// Crime: a write to a freed object that was a mapping of its own, whatever the size asked for. It
// faults, right after the free and when several others have been freed since.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv) + ((size_t)2 << 20);
    char *volatile p = crime_malloc(size);

    crime_free(p);
    crime_free(crime_malloc(size));
    crime_expect_guard();
    p[size / 2] = 1;
    return crime_unpunished();
}
