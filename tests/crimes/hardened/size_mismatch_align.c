// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: free_aligned_sized names another alignment.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    crime_need(free_aligned_sized);
    void *p = crime_aligned_alloc(64, size);

    crime_expect_unpunished();
    free_aligned_sized(p, 32, size);
    return crime_unpunished();
}
