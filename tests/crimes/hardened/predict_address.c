// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: an address that one run of the program had is taken for that of the
// next run. Of eight runs two agree by chance, or more do.

#include "sized.h"

int
main(int argc, char **argv)
{
    enum { RUNS = 8 };
    void *address[RUNS];
    unsigned right = 0;

    if (argc == 3) {
        address[0] = crime_malloc(strtoul(argv[1], NULL, 10));
        return crime_answer(address, sizeof address[0]);
    }
    crime_size(argc, argv);
    crime_expect_no_effect();
    for (unsigned i = 0; i < RUNS; i++) {
        crime_run_again(argv, &address[i], sizeof address[i]);
        for (unsigned j = 0; j < i; j++) {
            right += address[i] == address[j];
        }
    }
    return crime_effect(right > 1);
}
