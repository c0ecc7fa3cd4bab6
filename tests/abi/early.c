// SPDX-License-Identifier: MIT
//
// Asks early_lib.c what became of its early allocations. Linked with -z now, so the resolver there
// has run before the first constructor of anything. Prints what can be compared with a run under
// glibc.

#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *early_pointers[64];
extern unsigned early_count;
int early_value(void);

__attribute__((destructor)) static void
late(void)
{
    free(malloc(100)); // after main, after atexit handlers
}

static void
at_exit(void)
{
    free(malloc(5000));
}

int
main(void)
{
    unsigned good = 0;

    atexit(at_exit);
    for (unsigned i = 0; i < early_count; i++) {
        if (early_pointers[i] != NULL) {
            memset(early_pointers[i], 2, malloc_usable_size(early_pointers[i]));
            good++;
        }
        free(early_pointers[i]);
    }
    void *volatile big = malloc(3000000);
    printf("value %d, %u of %u early objects, 3 MB in main: %s\n", early_value(), good, early_count,
           big != NULL ? "yes" : "no");
    free(big);
    return 0;
}
