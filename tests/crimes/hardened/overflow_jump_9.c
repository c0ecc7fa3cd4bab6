// SPDX-License-Identifier: MIT
//
// Crime: OVERFLOW. Only the ninth byte behind the object is changed, behind any canary of 8 bytes.
// With 8 bytes it is the chunk's last part, at which the end of the process looks.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);

    p[size + 8] ^= 1;
    crime_expect(size == 8 ? CRIME_WRITE_AFTER_FREE : CRIME_OVERFLOW, p, crime_class(size));
    crime_free(p);
    return crime_unpunished();
}
