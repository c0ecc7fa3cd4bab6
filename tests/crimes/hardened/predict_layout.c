// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: where objects lie to each other in one run of the program is taken
// for where they do in the next run.

#include "sized.h"

enum { COUNT = 32 };

static int
lay_out(size_t size)
{
    intptr_t distance[COUNT];
    intptr_t first = (intptr_t)crime_malloc(size);

    for (unsigned i = 0; i < COUNT; i++) {
        distance[i] = (intptr_t)crime_malloc(size) - first;
    }
    return crime_answer(distance, sizeof distance);
}

int
main(int argc, char **argv)
{
    intptr_t one[COUNT];
    intptr_t two[COUNT];

    if (argc == 3) {
        return lay_out(strtoul(argv[1], NULL, 10));
    }
    (void)crime_size(argc, argv);
    crime_expect_no_effect();
    crime_run_again(argv, one, sizeof one);
    crime_run_again(argv, two, sizeof two);
    return crime_effect(memcmp(one, two, sizeof one) == 0);
}
