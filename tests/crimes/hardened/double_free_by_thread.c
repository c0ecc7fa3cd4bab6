// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. The second free comes from another thread.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *p = crime_malloc(size);

    crime_free_by_thread(crime_malloc(40)); // so that starting one allocates no more
    crime_free(p);
    crime_expect(CRIME_DOUBLE_FREE, p, crime_class(size));
    crime_free_by_thread(p);
    return crime_unpunished();
}
