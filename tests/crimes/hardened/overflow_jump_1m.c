// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a mebibyte behind the object 128 KiB are written to. Wherever
// that is, a guard page is among them, even when it is in the 72 KiB that libstdc++ has for itself.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_expect_guard();
    memset(p + size + ((size_t)1 << 20), 'A', 131072);
    return crime_unpunished();
}
