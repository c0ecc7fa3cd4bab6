// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: a freed object of 5 MiB is written to, which was a mapping of its
// own, when another one like it has been freed since.

#include "sized.h"

int
main(void)
{
    size_t size = 5 << 20;
    char *volatile p = crime_malloc(size);

    crime_free(p);
    crime_free(crime_malloc(size));
    crime_expect_guard();
    p[size / 2] = 1;
    return crime_unpunished();
}
