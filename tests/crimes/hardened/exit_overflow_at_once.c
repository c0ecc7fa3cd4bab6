// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the object is never freed, and the process ends by _exit.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_expect_unpunished();
    p[size] ^= 1;
    crime_unpunished();
    _exit(0);
}
