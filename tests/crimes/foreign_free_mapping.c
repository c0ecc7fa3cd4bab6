// SPDX-License-Identifier: MIT
//
// Crime: FOREIGN_FREE. Free of memory that the program mapped itself, where a large object would
// be.

#include "crime.h"

#include <sys/mman.h>

int
main(void)
{
    size_t bytes = (size_t)8 << 20;
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *aligned = (char *)(((uintptr_t)p + (4 << 20) - 1) & ~(uintptr_t)((4 << 20) - 1));

    if (p == MAP_FAILED) {
        return 1;
    }
    crime_expect(CRIME_FOREIGN_FREE, aligned, CRIME_NO_CLASS);
    crime_free(aligned);
    return crime_unpunished();
}
