// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. What is in front of and behind a freed object becomes what it was before, so
// that it can be freed once more. It is found when the object leaves the quarantine for the second
// time.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    char *volatile p = crime_malloc(size);
    uint64_t header;
    uint64_t canary;

    memcpy(&header, p - 8, sizeof header);
    memcpy(&canary, p + size, sizeof canary);
    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, crime_class(size));
    memcpy(p - 8, &header, sizeof header);
    memcpy(p + size, &canary, sizeof canary);
    crime_free(p);
    crime_reuse_all(size);
    return crime_unpunished();
}
