// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: memset runs on for a mebibyte behind the object, and meets a guard
// page.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *(*volatile set)(void *, int, size_t) = memset;

    crime_expect_guard();
    set(crime_malloc(size), 1, size + ((size_t)1 << 20));
    return crime_unpunished();
}
