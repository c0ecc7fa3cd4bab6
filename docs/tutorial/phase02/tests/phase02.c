// SPDX-License-Identifier: MIT
//
// Phase II: what is freed is used again, and objects cost no header.

#include "test.h"

#include <malloc.h>
#include <stdint.h>
#include <string.h>

static char *lowest, *highest;

static void
test_forget_span(void)
{
    lowest = NULL;
    highest = NULL;
}

// malloc that remembers between which addresses the objects lie.
static char *
test_malloc(size_t bytes)
{
    char *p = malloc(bytes);

    require(p != NULL, "malloc(%zu) gives no memory", bytes);
    lowest = lowest == NULL || p < lowest ? p : lowest;
    highest = highest == NULL || p + bytes > highest ? p + bytes : highest;
    return p;
}

static size_t
test_span_kib(void)
{
    return (size_t)(highest - lowest) / 1024;
}

static void
test_reuse(void)
{
    for (size_t bytes = 100; bytes <= 100000; bytes *= 10) {
        test_forget_span();
        for (int i = 0; i < 10000; i++) {
            free(test_malloc(bytes));
        }
        require(test_span_kib() <= 256, "10000 objects of %zu bytes, one at a time, took %zu KiB",
                bytes, test_span_kib());
    }
    show("what is freed is used again");
}

static void
test_dense(void)
{
    static char *object[10000];

    test_forget_span();
    for (int i = 0; i < 10000; i++) {
        object[i] = test_malloc(48);
    }
    require(test_span_kib() <= 640, "10000 objects of 48 bytes took %zu KiB", test_span_kib());
    for (int i = 0; i < 10000; i++) {
        free(object[i]);
    }
    for (int i = 0; i < 5000; i++) {
        object[i] = test_malloc(96);
    }
    require(test_span_kib() <= 896, "another size has no use for free blocks: %zu KiB",
            test_span_kib());
    for (int i = 0; i < 5000; i++) {
        free(object[i]);
    }
    show("objects lie close together, and blocks change their size");
}

static void
test_waste(void)
{
    for (size_t bytes = 1; bytes <= 16384; bytes++) {
        char *p = malloc(bytes);
        size_t most = bytes <= 128 ? bytes + 15 : bytes + bytes / 4;
        require(malloc_usable_size(p) >= bytes, "%zu bytes get too small a chunk", bytes);
        require(malloc_usable_size(p) <= most, "%zu bytes get a chunk of %zu", bytes,
                malloc_usable_size(p));
        free(p);
    }
    show("no chunk is much larger than what was asked for");
}

// Random objects come and go; the contents of each are checked when it goes.
static void
test_contents(void)
{
    enum { COUNT = 3000 };
    static unsigned char *object[COUNT];
    static size_t bytes[COUNT];
    unsigned seed = 1;

    for (int round = 0; round < 100000; round++) {
        seed = seed * 1103515245 + 12345;
        size_t i = seed / 65536 % COUNT;
        for (size_t at = 0; object[i] != NULL && at < bytes[i]; at++) {
            require(object[i][at] == i % 251, "an object of %zu bytes has changed", bytes[i]);
        }
        free(object[i]);
        bytes[i] = round % 97 == 0 ? seed % 200000 : seed % 1000;
        object[i] = malloc(bytes[i]);
        require(object[i] != NULL, "malloc(%zu) gives no memory", bytes[i]);
        memset(object[i], (int)(i % 251), bytes[i]);
    }
    show("100000 objects come and go, and keep their contents");
}

int
main(void)
{
    test_reuse();
    test_dense();
    test_waste();
    test_contents();
    return 0;
}
