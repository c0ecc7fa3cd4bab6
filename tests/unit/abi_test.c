// SPDX-License-Identifier: MIT
//
// What every function of the malloc family promises: C, POSIX, glibc. Built twice: as unit/abi_test
// it calls the apex_ names; as abi/plain_names (ABI_PLAIN) the names of libc, and then runs under
// LD_PRELOAD and also against glibc itself, so that the promises tested are those of glibc. Where
// libapex promises more or other than glibc, the test asks served_by_apex first.

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // mallinfo, because we must offer it

#ifdef ABI_PLAIN
#define NAME(name) name
#define COMPAT(name) name
#else
#include "apex.h"
#include "front/compat.h"
#define NAME(name) apex_##name
#define COMPAT(name) compat_##name
#endif

typedef void free_sized_function(void *ptr, size_t size);
typedef void free_aligned_sized_function(void *ptr, size_t align, size_t size);

static bool served_by_apex = true;
static free_sized_function *call_free_sized;
static free_aligned_sized_function *call_free_aligned_sized;

enum { SENTINEL = 4711 };
#define TOO_MUCH ((size_t)PTRDIFF_MAX + 1)

// The compiler knows too well what malloc does; here it must not.
static void *
hide(void *ptr)
{
    __asm__ volatile("" : "+r"(ptr) : : "memory");
    return ptr;
}

static size_t
hidden(size_t size)
{
    __asm__ volatile("" : "+r"(size));
    return size;
}

static void
assert_aligned(const void *ptr, size_t align)
{
    assert_non_null(ptr);
    assert_int_equal((uintptr_t)ptr % align, 0);
}

static void
assert_all(const unsigned char *p, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++) {
        if (p[i] != value) {
            fail_msg("byte %zu of %zu is %u, not %u", i, size, p[i], value);
        }
    }
}

static void
assert_fails(void *ptr, int error)
{
    assert_null(hide(ptr));
    assert_int_equal(errno, error);
    errno = SENTINEL;
}

static const size_t sizes[] = {
    0,      1,      7,      8,      15,      16,      17,      24,      31,      32,     33,
    63,     64,     65,     100,    127,     128,     129,     255,     256,     257,    1000,
    1024,   1025,   2048,   4095,   4096,    4097,    10000,   32768,   65535,   65536,  65537,
    100000, 131072, 262144, 300000, 1048575, 1048576, 1048577, 3000000, 4194304, 9000000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static int
setup(void **state)
{
    (void)state;
    errno = SENTINEL;
    return 0;
}

static void
test_malloc_sizes(void **state)
{
    unsigned char *held[SIZES];

    (void)state;
    for (int i = 0; i < SIZES; i++) {
        held[i] = hide(NAME(malloc)(sizes[i]));
        assert_aligned(held[i], 16);
        memset(held[i], i, sizes[i]);
        assert_int_equal(errno, SENTINEL);
    }
    for (int i = 0; i < SIZES; i++) {
        assert_all(held[i], sizes[i], (unsigned char)i);
        NAME(free)(held[i]);
        assert_int_equal(errno, SENTINEL);
    }
}

static void
test_malloc_zero_is_unique(void **state)
{
    void *a = hide(NAME(malloc)(hidden(0)));
    void *b = hide(NAME(malloc)(hidden(0)));

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    NAME(free)(a);
    NAME(free)(b);
}

static void
test_malloc_too_much(void **state)
{
    (void)state;
    assert_fails(NAME(malloc)(hidden(TOO_MUCH)), ENOMEM);
    assert_fails(NAME(malloc)(hidden(SIZE_MAX)), ENOMEM);
    assert_fails(NAME(malloc)(hidden(SIZE_MAX - 15)), ENOMEM);
    assert_fails(NAME(malloc)(hidden((size_t)PTRDIFF_MAX)), ENOMEM);
}

static void
test_free_null_and_errno(void **state)
{
    (void)state;
    NAME(free)(NULL);
    assert_int_equal(errno, SENTINEL);
    for (int i = 0; i < SIZES; i++) {
        void *ptr = hide(NAME(malloc)(sizes[i]));
        errno = SENTINEL + i;
        NAME(free)(ptr);
        assert_int_equal(errno, SENTINEL + i);
    }
}

static void
test_calloc_is_zero(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) { // later rounds meet memory that was used before
        for (int i = 0; i < SIZES; i++) {
            unsigned char *p = hide(NAME(calloc)(hidden(1), sizes[i]));
            assert_aligned(p, 16);
            assert_all(p, sizes[i], 0);
            memset(p, 0xa5, NAME(malloc_usable_size)(p));
            NAME(free)(p);
        }
    }
    unsigned char *array = hide(NAME(calloc)(hidden(100), 30));
    assert_all(array, 3000, 0);
    NAME(free)(array);
    assert_int_equal(errno, SENTINEL);
}

static void
test_calloc_overflow(void **state)
{
    (void)state;
    assert_fails(NAME(calloc)(hidden(SIZE_MAX / 2), 3), ENOMEM);
    assert_fails(NAME(calloc)(hidden((size_t)1 << 32), (size_t)1 << 32), ENOMEM);
    assert_fails(NAME(calloc)(hidden(SIZE_MAX), 1), ENOMEM);
    void *none = hide(NAME(calloc)(hidden(0), hidden(SIZE_MAX)));
    assert_non_null(none);
    NAME(free)(none);
}

static void
test_realloc_moves_contents(void **state)
{
    (void)state;
    for (int i = 0; i < SIZES; i++) {
        for (int j = 0; j < SIZES; j++) {
            size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
            unsigned char *p = hide(NAME(malloc)(sizes[i]));
            if (sizes[j] == 0 || sizes[i] + sizes[j] > 10000000) {
                NAME(free)(p);
                continue;
            }
            memset(p, 0x5a, sizes[i]);
            p = hide(NAME(realloc)(p, sizes[j]));
            assert_aligned(p, 16);
            assert_true(NAME(malloc_usable_size)(p) >= sizes[j]);
            assert_all(p, kept, 0x5a);
            memset(p, 0x33, sizes[j]);
            NAME(free)(p);
        }
    }
    assert_int_equal(errno, SENTINEL);
}

static void
test_realloc_of_null_and_to_zero(void **state)
{
    void *p = hide(NAME(realloc)(NULL, hidden(100)));

    (void)state;
    assert_non_null(p);
    assert_true(NAME(malloc_usable_size)(p) >= 100);
    assert_null(NAME(realloc)(p, hidden(0))); // frees, as glibc does
    assert_int_equal(errno, SENTINEL);
    p = hide(NAME(realloc)(NULL, hidden(0)));
    assert_non_null(p);
    NAME(free)(p);
}

static void
test_realloc_failure_changes_nothing(void **state)
{
    static const size_t old_sizes[] = {40, 5000, 200000, 3000000};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        unsigned char *p = hide(NAME(malloc)(old_sizes[i]));
        memset(p, 0x77, old_sizes[i]);
        assert_fails(NAME(realloc)(hide(p), hidden(TOO_MUCH)), ENOMEM);
        assert_fails(NAME(realloc)(hide(p), hidden(SIZE_MAX)), ENOMEM);
        assert_fails(NAME(realloc)(hide(p), hidden((size_t)PTRDIFF_MAX - 100)), ENOMEM);
        assert_all(p, old_sizes[i], 0x77);
        NAME(free)(p);
    }
}

// Takes all there is of objects of each of these sizes, largest first. A list of them.
static void **
take_all(const size_t *size, unsigned count)
{
    void **all = NULL;

    for (unsigned i = 0; i < count; i++) {
        void **p;
        while ((p = hide(NAME(malloc)(size[i]))) != NULL) {
            *p = all;
            all = p;
        }
    }
    return all;
}

// A program that makes an object smaller does not look whether that worked.
static void
test_realloc_to_less_cannot_fail(void **state)
{
    static const size_t from[] = {700, 5000, 60000, 200000, 900000, 3000000};
    static const size_t to[] = {40000, 2000, 300, 20};
    unsigned char *p[6];
    struct rlimit was;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        p[i] = hide(NAME(malloc)(from[i]));
        memset(p[i], 0x66, from[i]);
    }
    assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
    const struct rlimit none = {1, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    void **all = take_all(to, 4);
    errno = SENTINEL;
    for (unsigned i = 0; i < 6; i++) {
        for (unsigned j = 0; j < 4; j++) {
            if (to[j] <= from[i]) {
                p[i] = hide(NAME(realloc)(p[i], to[j]));
                assert_non_null(p[i]);
                assert_all(p[i], to[j], 0x66);
                assert_true(NAME(malloc_usable_size)(p[i]) >= to[j]);
            }
        }
    }
    assert_int_equal(errno, SENTINEL);
    assert_int_equal(setrlimit(RLIMIT_AS, &was), 0);
    for (unsigned i = 0; i < 6; i++) {
        NAME(free)(p[i]);
    }
    while (all != NULL) {
        void **next = *all;
        NAME(free)(all);
        all = next;
    }
}

static void
test_reallocarray(void **state)
{
    unsigned char *p = hide(NAME(reallocarray)(NULL, hidden(10), 20));

    (void)state;
    assert_true(NAME(malloc_usable_size)(p) >= 200);
    memset(p, 0x11, 200);
    p = hide(NAME(reallocarray)(p, hidden(1000), 20));
    assert_all(p, 200, 0x11);
    assert_fails(NAME(reallocarray)(hide(p), hidden(SIZE_MAX / 16), 17), ENOMEM);
    assert_fails(NAME(reallocarray)(hide(p), hidden((size_t)1 << 33), (size_t)1 << 33), ENOMEM);
    assert_all(p, 200, 0x11);
    assert_null(NAME(reallocarray)(p, hidden(0), 20));
    assert_int_equal(errno, SENTINEL);
}

static void
test_free_sized(void **state)
{
    (void)state;
    if (call_free_sized == NULL) {
        assert_false(served_by_apex); // glibc 2.36 has it not
        return;
    }
    for (int i = 0; i < SIZES; i++) {
        call_free_sized(hide(NAME(malloc)(sizes[i])), sizes[i]);
        call_free_sized(hide(NAME(calloc)(1, sizes[i])), sizes[i]);
        void *grown = hide(NAME(realloc)(hide(NAME(malloc)(10)), sizes[i] + 1));
        call_free_sized(grown, sizes[i] + 1);
        void *whole = hide(NAME(malloc)(sizes[i]));
        call_free_sized(whole, NAME(malloc_usable_size)(whole));
        call_free_aligned_sized(hide(NAME(aligned_alloc)(64, sizes[i])), 64, sizes[i]);
    }
    call_free_sized(NULL, 10);
    call_free_aligned_sized(NULL, 64, 10);
    assert_int_equal(errno, SENTINEL);
}

static void
test_aligned_alloc(void **state)
{
    (void)state;
    for (size_t align = 1; align <= (size_t)16 << 20; align *= 2) {
        for (int i = 0; i < SIZES; i++) {
            unsigned char *p = hide(NAME(aligned_alloc)(align, sizes[i]));
            assert_aligned(p, align < 16 ? 16 : align);
            assert_true(NAME(malloc_usable_size)(p) >= sizes[i]);
            memset(p, 0x42, sizes[i]);
            NAME(free)(p);
        }
    }
    assert_int_equal(errno, SENTINEL);
    assert_fails(NAME(aligned_alloc)(64, hidden(TOO_MUCH)), ENOMEM);
    assert_fails(NAME(aligned_alloc)(hidden((size_t)1 << 62), (size_t)1 << 62), ENOMEM);
    if (served_by_apex) { // glibc 2.36 rounds up, C17 and later glibc refuse
        assert_fails(NAME(aligned_alloc)(hidden(0), 100), EINVAL);
        assert_fails(NAME(aligned_alloc)(hidden(24), 100), EINVAL);
        assert_fails(NAME(aligned_alloc)(hidden(SIZE_MAX), 100), EINVAL);
    }
}

static void
test_aligned_objects_can_be_resized(void **state)
{
    (void)state;
    for (size_t align = 32; align <= (size_t)4 << 20; align *= 4) {
        unsigned char *p = hide(NAME(aligned_alloc)(align, 1000));
        memset(p, 0x66, 1000);
        p = hide(NAME(realloc)(p, hidden(5000)));
        assert_all(p, 1000, 0x66);
        p = hide(NAME(realloc)(p, hidden(500)));
        assert_all(p, 500, 0x66);
        NAME(free)(p);
    }
}

static void
test_memalign(void **state)
{
    (void)state;
    for (size_t align = 0; align < 300; align++) {
        void *p = hide(NAME(memalign)(align, 100));
        size_t up = 16;
        while (up < align) {
            up *= 2;
        }
        assert_aligned(p, up);
        NAME(free)(p);
    }
    assert_int_equal(errno, SENTINEL);
    assert_fails(NAME(memalign)(hidden(((size_t)1 << 63) + 1), 1), EINVAL);
    assert_fails(NAME(memalign)(hidden((size_t)1 << 63), 1), ENOMEM);
    assert_fails(NAME(memalign)(hidden(4096), hidden(SIZE_MAX - 4095)), ENOMEM);
}

static void
test_posix_memalign(void **state)
{
    static const size_t wrong[] = {0, 1, 2, 4, 7, 9, 12, 24, 48, 65, 4097, SIZE_MAX};
    char here;
    void *p = &here;

    (void)state;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(NAME(posix_memalign)(&p, hidden(wrong[i]), 10), EINVAL);
        assert_ptr_equal(p, &here);
    }
    assert_int_equal(errno, SENTINEL);
    assert_int_equal(NAME(posix_memalign)(&p, 64, hidden(TOO_MUCH)), ENOMEM);
    assert_ptr_equal(p, &here);
    if (served_by_apex) {
        assert_int_equal(errno, SENTINEL);
    }
    errno = SENTINEL;
    for (size_t align = sizeof(void *); align <= (size_t)8 << 20; align *= 2) {
        for (int i = 0; i < SIZES; i++) {
            assert_int_equal(NAME(posix_memalign)(&p, align, sizes[i]), 0);
            assert_aligned(p, align);
            assert_true(NAME(malloc_usable_size)(p) >= sizes[i]);
            NAME(free)(p);
        }
    }
    assert_int_equal(errno, SENTINEL);
}

static void
test_valloc_and_pvalloc(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    (void)state;
    for (int i = 0; i < SIZES; i++) {
        void *v = hide(NAME(valloc)(sizes[i]));
        void *p = hide(NAME(pvalloc)(sizes[i]));
        assert_aligned(v, page);
        assert_aligned(p, page);
        assert_true(NAME(malloc_usable_size)(v) >= sizes[i]);
        assert_true(NAME(malloc_usable_size)(p) >= (sizes[i] + page - 1) / page * page);
        NAME(free)(v);
        NAME(free)(p);
    }
    assert_int_equal(errno, SENTINEL);
    assert_fails(NAME(valloc)(hidden(TOO_MUCH)), ENOMEM);
    assert_fails(NAME(pvalloc)(hidden(SIZE_MAX)), ENOMEM);
    assert_fails(NAME(pvalloc)(hidden(SIZE_MAX - page + 2)), ENOMEM);
}

static void
test_usable_size(void **state)
{
    (void)state;
    assert_int_equal(NAME(malloc_usable_size)(NULL), 0);
    for (int i = 0; i < SIZES; i++) {
        unsigned char *p = hide(NAME(malloc)(sizes[i]));
        unsigned char *next = hide(NAME(malloc)(sizes[i]));
        size_t usable = NAME(malloc_usable_size)(p);
        assert_true(usable >= sizes[i]);
        assert_true(usable <= 2 * sizes[i] + 65536); // one block, in runs
        memset(next, 0x12, sizes[i]);
        memset(p, 0xff, usable); // all of it is ours
        assert_all(next, sizes[i], 0x12);
        p = hide(NAME(realloc)(p, usable + 1));
        assert_all(p, usable, 0xff);
        NAME(free)(p);
        NAME(free)(next);
    }
}

static void
test_malloc_trim(void **state)
{
    enum { COUNT = 2000 };
    void *held[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        held[i] = hide(NAME(malloc)(16000));
        memset(held[i], 1, 16000);
    }
    for (int i = 0; i < COUNT; i++) {
        NAME(free)(held[i]);
    }
    NAME(malloc_trim)(0);
    int again = NAME(malloc_trim)(0);
    assert_true(again == 0 || again == 1);
    void *after = hide(NAME(malloc)(16000));
    assert_non_null(after);
    NAME(free)(after);
}

static void
test_mallinfo(void **state)
{
    enum { COUNT = 1024, SMALL = 30000, LARGE = 48 << 20 }; // glibc may serve up to 32 MiB as small
    static void *held[COUNT];

    (void)state;
    struct mallinfo2 before = COMPAT(mallinfo2)();
    for (int i = 0; i < COUNT; i++) {
        held[i] = hide(NAME(malloc)(SMALL));
    }
    void *large = hide(NAME(malloc)(LARGE));
    struct mallinfo2 during = COMPAT(mallinfo2)();
    struct mallinfo narrow = COMPAT(mallinfo)();
    assert_true(during.uordblks >= before.uordblks + (size_t)COUNT * SMALL * 7 / 8);
    assert_true(during.uordblks <= before.uordblks + (size_t)COUNT * SMALL * 5 / 4);
    assert_true(during.hblkhd >= before.hblkhd + LARGE);
    assert_int_equal(during.hblks, before.hblks + 1);
    assert_int_equal(during.arena, during.uordblks + during.fordblks);
    assert_int_equal(narrow.hblks, during.hblks);
    assert_int_equal(narrow.hblkhd, during.hblkhd);
    NAME(free)(large);
    for (int i = 0; i < COUNT; i++) {
        NAME(free)(held[i]);
    }
    struct mallinfo2 after = COMPAT(mallinfo2)();
    assert_true(after.uordblks <= before.uordblks + (size_t)COUNT * SMALL / 8);
    assert_int_equal(after.hblkhd, before.hblkhd);
    assert_int_equal(errno, SENTINEL);
}

static void
test_mallinfo_saturates(void **state)
{
    const size_t size = (size_t)5 << 30; // address space only; no page of it is touched
    void *p = hide(NAME(malloc)(size));

    (void)state;
    if (p == NULL) {
        fail_msg("no 5 GiB of address space");
    }
    assert_true(COMPAT(mallinfo2)().hblkhd >= size);
    if (served_by_apex) {
        assert_int_equal(COMPAT(mallinfo)().hblkhd, INT_MAX);
    }
    NAME(free)(p);
}

static void
test_mallopt(void **state)
{
    static const int taken[] = {M_TRIM_THRESHOLD, M_TOP_PAD,    M_MMAP_THRESHOLD,
                                M_MMAP_MAX,       M_ARENA_TEST, M_ARENA_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        assert_int_equal(COMPAT(mallopt)(taken[i], 128 * 1024), 1);
    }
    assert_int_equal(COMPAT(mallopt)(M_TRIM_THRESHOLD, -1), 1);
    assert_int_equal(COMPAT(mallopt)(M_MXFAST, 64), 1);
    assert_int_equal(COMPAT(mallopt)(M_MXFAST, 100000), 0);
    if (served_by_apex) {
        assert_int_equal(COMPAT(mallopt)(M_PERTURB, 1), 0);
        assert_int_equal(COMPAT(mallopt)(4711, 1), 0);
    }
    assert_int_equal(errno, SENTINEL);
}

// M_TRIM_THRESHOLD bounds what stays free and resident.
static void
test_mallopt_has_effect(void **state)
{
    enum { COUNT = 2000, SIZE = 16000 };
    static void *held[COUNT];

    (void)state;
    assert_int_equal(COMPAT(mallopt)(M_TRIM_THRESHOLD, 128 * 1024), 1);
    for (int i = 0; i < COUNT; i++) {
        held[i] = hide(NAME(malloc)(SIZE));
        memset(held[i], 1, SIZE);
    }
    for (int i = 0; i < COUNT; i++) {
        NAME(free)(held[i]);
    }
    if (served_by_apex) { // keepcost is the free memory that is resident
        assert_true(COMPAT(mallinfo2)().keepcost < 2 << 20);
    }
    assert_int_equal(COMPAT(mallopt)(M_TRIM_THRESHOLD, 4 << 20), 1);
}

// Runs `call` with fd 2 in a pipe; returns what arrived.
static size_t
capture_stderr(void (*call)(void), char *out, size_t capacity)
{
    int pipe_fds[2];
    int saved = dup(STDERR_FILENO);

    assert_int_equal(pipe(pipe_fds), 0);
    assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
    close(pipe_fds[1]);
    errno = SENTINEL;
    call();
    int after = errno;
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    size_t length = 0;
    ssize_t got;
    while ((got = read(pipe_fds[0], out + length, capacity - 1 - length)) > 0) {
        length += (size_t)got;
    }
    close(pipe_fds[0]);
    out[length] = '\0';
    assert_int_equal(after, SENTINEL);
    return length;
}

static void
test_malloc_stats(void **state)
{
    static char text[16384];

    (void)state;
    assert_true(capture_stderr(COMPAT(malloc_stats), text, sizeof text) > 0);
    assert_non_null(strstr(text, " bytes"));
    if (served_by_apex) {
        assert_non_null(strstr(text, "libapex: allocated bytes = "));
        assert_non_null(strstr(text, "libapex: mapped bytes = "));
    }
}

// Checks that `xml` is a tree of elements, and returns how many there are.
static int
count_elements(const char *xml)
{
    char open[32][64];
    int depth = 0;
    int elements = 0;

    for (const char *p = strchr(xml, '<'); p != NULL; p = strchr(p, '<')) {
        const char *end = strchr(p, '>');
        assert_non_null(end);
        size_t name = strcspn(p + 1, " />\n");
        if (p[1] == '/') {
            name = strcspn(p + 2, ">");
            assert_true(depth > 0);
            depth--;
            assert_int_equal(strlen(open[depth]), name);
            assert_memory_equal(open[depth], p + 2, name);
        } else {
            elements++;
            if (end[-1] != '/') {
                assert_true(depth < 32 && name < 64);
                memcpy(open[depth], p + 1, name);
                open[depth++][name] = '\0';
            }
        }
        p = end;
    }
    assert_int_equal(depth, 0);
    return elements;
}

static void
test_malloc_info(void **state)
{
    char *text = NULL;
    size_t length = 0;

    (void)state;
    void *large = hide(NAME(malloc)(7654321));
    FILE *stream = open_memstream(&text, &length);
    assert_int_equal(COMPAT(malloc_info)(1, stream), EINVAL);
    assert_int_equal(COMPAT(malloc_info)(-1, stream), EINVAL);
    fflush(stream);
    assert_int_equal(length, 0);
    assert_int_equal(COMPAT(malloc_info)(0, stream), 0);
    fclose(stream);
    assert_true(count_elements(text) > 10);
    assert_int_equal(strncmp(text, "<malloc version=\"1\">", 20), 0);
    const char *mmaps = strstr(text, "<total type=\"mmap\" count=\"");
    assert_non_null(mmaps);
    unsigned count = 0;
    size_t bytes = 0;
    assert_int_equal(
        sscanf(mmaps, "<total type=\"mmap\" count=\"%u\" size=\"%zu\"/>", &count, &bytes), 2);
    assert_true(count >= 1);
    assert_true(bytes >= 7654321);
    NAME(free)(large);
    free(text);
}

#ifdef ABI_PLAIN
static int
find_names(void **state)
{
    (void)state;
    served_by_apex = dlsym(RTLD_DEFAULT, "apex_version") != NULL;
    *(void **)&call_free_sized = dlsym(RTLD_DEFAULT, "free_sized");
    *(void **)&call_free_aligned_sized = dlsym(RTLD_DEFAULT, "free_aligned_sized");
    // The script that runs this says what it expects, lest a preload that failed go unnoticed.
    return served_by_apex == (getenv("EXPECT_APEX") != NULL) ? 0 : 1;
}

#define EXTRA_TESTS cmocka_unit_test_setup(test_other_names, setup),

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
void __libc_free(void *ptr);

// Memory from any name can be freed by any other.
static void
test_other_names(void **state)
{
    void *held[6] = {__libc_malloc(100), __libc_calloc(10, 10),  __libc_memalign(64, 100),
                     __libc_valloc(100), __libc_pvalloc(100000), __libc_realloc(NULL, 100)};
    void (*cfree_name)(void *) = NULL;

    (void)state;
    *(void **)&cfree_name = dlsym(RTLD_DEFAULT, "cfree");
    for (int i = 0; i < 6; i++) {
        assert_non_null(held[i]);
        assert_true(malloc_usable_size(held[i]) >= 100);
        free(held[i]);
    }
    __libc_free(malloc(10));
    if (served_by_apex) {
        assert_non_null(cfree_name);
        cfree_name(malloc(10));
    }
}
#else
static int
find_names(void **state)
{
    (void)state;
    call_free_sized = apex_free_sized;
    call_free_aligned_sized = apex_free_aligned_sized;
    return 0;
}

#define EXTRA_TESTS \
    cmocka_unit_test_setup(test_version, setup), cmocka_unit_test_setup(test_stats_get, setup),

static void
test_version(void **state)
{
    unsigned major;
    unsigned minor;
    unsigned patch;
    char rest;

    (void)state;
    assert_int_equal(sscanf(apex_version(), "%u.%u.%u%c", &major, &minor, &patch, &rest), 3);
}

static void
test_stats_get(void **state)
{
    struct {
        struct apex_stats stats;
        uint64_t newer_field;
    } longer = {.stats.size_bytes = sizeof longer, .newer_field = 1};
    struct apex_stats stats = {.size_bytes = sizeof stats};
    struct apex_stats old = {.size_bytes = offsetof(struct apex_stats, dirty_bytes),
                             .dirty_bytes = 4711};
    struct apex_stats tiny = {.size_bytes = 8};

    (void)state;
    void *large = hide(apex_malloc(5 << 20));
    assert_int_equal(apex_stats_get(&stats), 0);
    assert_int_equal(stats.size_bytes, sizeof stats);
    assert_true(stats.large_bytes >= 5 << 20);
    assert_true(stats.large_count >= 1);
    assert_true(stats.allocated_bytes >= stats.large_bytes);
    assert_true(stats.active_bytes >= stats.large_bytes);
    assert_true(stats.mapped_bytes >= stats.active_bytes);
    assert_true(stats.metadata_bytes > 0);
    assert_true(stats.threads_count >= 1);
    assert_int_equal(apex_stats_get(&old), 0);
    assert_int_equal(old.dirty_bytes, 4711);
    assert_true(old.active_bytes > 0);
    assert_int_equal(apex_stats_get(&longer.stats), 0);
    assert_int_equal(longer.newer_field, 0);
    assert_int_equal(apex_stats_get(&tiny), EINVAL);
    apex_free(large);
    assert_int_equal(errno, SENTINEL);
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_malloc_sizes, setup),
        cmocka_unit_test_setup(test_malloc_zero_is_unique, setup),
        cmocka_unit_test_setup(test_malloc_too_much, setup),
        cmocka_unit_test_setup(test_free_null_and_errno, setup),
        cmocka_unit_test_setup(test_calloc_is_zero, setup),
        cmocka_unit_test_setup(test_calloc_overflow, setup),
        cmocka_unit_test_setup(test_realloc_moves_contents, setup),
        cmocka_unit_test_setup(test_realloc_of_null_and_to_zero, setup),
        cmocka_unit_test_setup(test_realloc_failure_changes_nothing, setup),
        cmocka_unit_test_setup(test_realloc_to_less_cannot_fail, setup),
        cmocka_unit_test_setup(test_reallocarray, setup),
        cmocka_unit_test_setup(test_free_sized, setup),
        cmocka_unit_test_setup(test_aligned_alloc, setup),
        cmocka_unit_test_setup(test_aligned_objects_can_be_resized, setup),
        cmocka_unit_test_setup(test_memalign, setup),
        cmocka_unit_test_setup(test_posix_memalign, setup),
        cmocka_unit_test_setup(test_valloc_and_pvalloc, setup),
        cmocka_unit_test_setup(test_usable_size, setup),
        cmocka_unit_test_setup(test_malloc_trim, setup),
        cmocka_unit_test_setup(test_mallinfo, setup),
        cmocka_unit_test_setup(test_mallinfo_saturates, setup),
        cmocka_unit_test_setup(test_mallopt, setup),
        cmocka_unit_test_setup(test_mallopt_has_effect, setup),
        cmocka_unit_test_setup(test_malloc_stats, setup),
        cmocka_unit_test_setup(test_malloc_info, setup),
        EXTRA_TESTS};

    return cmocka_run_group_tests_name("abi", tests, find_names, NULL);
}
