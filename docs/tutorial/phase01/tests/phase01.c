// SPDX-License-Identifier: MIT
//
// Phase I: every name of malloc's family is libtiny's, and keeps the promises of C and POSIX.

#include "test.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

static const char *const names[] = {
    "malloc",        "free",     "calloc", "realloc", "reallocarray",       "posix_memalign",
    "aligned_alloc", "memalign", "valloc", "pvalloc", "malloc_usable_size",
};

// The file name of the library that the program's calls of `name` arrive in.
static const char *
test_library_of(const char *name)
{
    Dl_info info;

    if (dladdr(dlsym(RTLD_DEFAULT, name), &info) == 0) {
        return "nobody";
    }
    const char *slash = strrchr(info.dli_fname, '/');
    return slash == NULL ? info.dli_fname : slash + 1;
}

static void
test_names(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *library = test_library_of(names[i]);
        require(strcmp(library, "libtiny.so") == 0, "%s is in %s, not in libtiny.so", names[i],
                library);
    }
    show("all names of the family are libtiny's");
}

// Every object has a pattern of its own; at the end each must still be there.
static void
test_objects(void)
{
    enum { COUNT = 2000 };
    static unsigned char *object[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        object[i] = malloc(i);
        require(object[i] != NULL, "malloc(%zu) gives no memory", i);
        require((uintptr_t)object[i] % 16 == 0, "malloc(%zu) is not aligned to 16", i);
        require(malloc_usable_size(object[i]) >= i, "malloc(%zu) has room for %zu bytes", i,
                malloc_usable_size(object[i]));
        memset(object[i], (int)(i % 251), malloc_usable_size(object[i]));
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < malloc_usable_size(object[i]); at++) {
            require(object[i][at] == i % 251, "two objects share byte %zu of malloc(%zu)", at, i);
        }
        free(object[i]);
    }
    free(NULL);
    show("2000 objects, each aligned, none over another");
}

static void
test_too_much(void)
{
    volatile size_t most = SIZE_MAX; // or the compiler warns, and is right

    errno = 0;
    require(malloc(most) == NULL, "malloc(SIZE_MAX) must be refused");
    require(errno == ENOMEM, "a malloc that is refused must set errno to ENOMEM");
    require(malloc(most / 2 + 1) == NULL, "malloc(PTRDIFF_MAX + 1) must be refused");
    errno = 0;
    require(malloc((size_t)1 << 46) == NULL && errno == ENOMEM, "malloc(64 TiB) must be refused");
    errno = 7;
    free(malloc(100));
    require(errno == 7, "malloc or free has changed errno to %d", errno);
    show("what cannot be served is refused");
}

static void
test_calloc(void)
{
    volatile size_t half = SIZE_MAX / 2 + 1;
    char *p = malloc(5000);

    memset(p, 1, 5000);
    free(p);
    p = calloc(100, 50);
    require(p != NULL, "calloc gives no memory");
    for (size_t i = 0; i < 5000; i++) {
        require(p[i] == 0, "byte %zu of calloc(100, 50) is not zero", i);
    }
    errno = 0;
    require(calloc(half, 2) == NULL, "calloc must notice that count times size overflows");
    require(errno == ENOMEM, "a calloc that is refused must set errno to ENOMEM");
    require(reallocarray(p, half, 2) == NULL, "reallocarray must notice the overflow");
    free(p);
    show("calloc is zero, and multiplies with care");
}

static void
test_realloc(void)
{
    volatile size_t too_much = SIZE_MAX / 2 + 1;
    unsigned char *p = realloc(NULL, 1);

    require(p != NULL, "realloc(NULL, 1) gives no memory");
    p[0] = 0;
    for (size_t bytes = 2; bytes < 100000; bytes += bytes / 2) {
        p = realloc(p, bytes);
        require(p != NULL, "realloc to %zu gives no memory", bytes);
        for (size_t i = 0; i < bytes / 2; i++) {
            require(p[i] == i % 251, "realloc to %zu has lost byte %zu", bytes, i);
        }
        for (size_t i = 0; i < bytes; i++) {
            p[i] = (unsigned char)(i % 251);
        }
    }
    p = realloc(p, 10);
    require(p[9] == 9, "realloc to 10 has lost byte 9");
    errno = 0;
    require(realloc(p, too_much) == NULL && p[9] == 9, "a refused realloc must change nothing");
    require(errno == ENOMEM, "a realloc that is refused must set errno to ENOMEM");
    require(realloc(p, 0) == NULL, "realloc to 0 frees, as glibc's does");
    show("realloc keeps what was there");
}

static void
test_aligned(void)
{
    volatile size_t odd = 24;
    void *p = NULL;

    for (size_t align = 1; align <= 1 << 21; align *= 2) {
        for (size_t bytes = 1; bytes < 100000; bytes *= 7) {
            unsigned char *q = memalign(align, bytes);
            require(q != NULL, "memalign(%zu, %zu) gives no memory", align, bytes);
            require((uintptr_t)q % align == 0, "memalign(%zu, %zu) is not aligned", align, bytes);
            require(malloc_usable_size(q) >= bytes, "memalign(%zu, %zu) has no room", align, bytes);
            memset(q, 255, bytes);
            free(q);
        }
    }
    require(posix_memalign(&p, 64, 10) == 0 && (uintptr_t)p % 64 == 0, "posix_memalign(64) fails");
    require(posix_memalign(&p, odd, 10) == EINVAL, "posix_memalign(24) must be refused");
    require(posix_memalign(&p, 4, 10) == EINVAL, "posix_memalign(4) must be refused");
    errno = 0;
    require(memalign(odd, 10) == NULL && errno == EINVAL, "memalign(24) must be refused");
    require((uintptr_t)valloc(1) % 4096 == 0 && malloc_usable_size(pvalloc(1)) >= 4096,
            "valloc and pvalloc work with pages");
    show("alignments from 1 to 2 MiB");
}

int
main(void)
{
    test_names();
    test_objects();
    test_too_much();
    test_calloc();
    test_realloc();
    test_aligned();
    return 0;
}
