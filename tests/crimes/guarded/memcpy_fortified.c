// SPDX-License-Identifier: MIT
//
// Crime: OUT_OF_BOUNDS. A memcpy of which the compiler knew how much it may write reads too much.

#include "copies.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    crime_expect(CRIME_OUT_OF_BOUNDS, p, crime_copy_class(size));
    crime_fortified_memcpy(crime_other, p, size + 1, sizeof crime_other);
    return crime_unpunished();
}
