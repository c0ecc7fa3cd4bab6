// SPDX-License-Identifier: MIT
//
// A library that allocates as early as a library can: in the resolver of an indirect function,
// which runs while the loader relocates the program, before any constructor; then in its first
// constructor. early.c asks it what it got.

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *early_pointers[64];
unsigned early_count;

int early_value(void);

static int
early_answer(void)
{
    return 42;
}

static void
early_allocate(void)
{
    static const size_t sizes[] = {1, 24, 500, 9000, 100000, 3000000};

    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *gone = malloc(sizes[i]);
        char *kept = calloc(1, sizes[i]);
        if (gone != NULL) {
            memset(gone, 1, sizes[i]);
        }
        free(gone);
        early_pointers[early_count++] = realloc(kept, sizes[i] + 10);
    }
}

typedef int early_function(void);

static early_function *early_resolve(void) __attribute__((used));

static early_function *
early_resolve(void)
{
    early_allocate();
    return early_answer;
}

int early_value(void) __attribute__((ifunc("early_resolve")));

__attribute__((constructor(101))) static void
early_construct(void)
{
    early_allocate();
}
