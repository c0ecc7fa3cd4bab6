// SPDX-License-Identifier: MIT
//
// Linked with libapex.a and run with more rights than its caller by secure.sh. Prints whether the
// kernel says so, and allocates; what libapex itself has to say about its options comes on stderr.

#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

int
main(void)
{
    void *volatile p = malloc(100); // volatile, or the compiler leaves malloc and free out

    printf("secure %lu\n", getauxval(AT_SECURE));
    free(p);
    return 0;
}
