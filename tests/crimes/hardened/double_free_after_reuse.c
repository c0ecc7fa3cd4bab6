// SPDX-License-Identifier: MIT
//
// Crime: DOUBLE_FREE. The object was handed out again in between, and both holders free it.

#include "sized.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);
    void *first = crime_malloc(size);
    void *second;

    crime_free(first);
    for (unsigned i = 0; (second = crime_malloc(size)) != first && i < 100000; i++) {
        crime_free(second);
    }
    crime_expect(CRIME_DOUBLE_FREE, second, crime_class(size));
    if (second == first) {
        crime_free(first);
        crime_free(second);
    }
    return crime_effect(second == first);
}
