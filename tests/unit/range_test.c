// SPDX-License-Identifier: MIT
//
// Unit test of front/range.c, over both profiles: ranges in, across and beside objects of every
// kind, live and freed ones, and where libapex has nothing to say. Reason: guarded copies stop a
// program by these answers, a sound one as well if an answer is wrong.

#include "front/range.h"

#include "apex.h"
#include "core/large.h"

#include "../support/unit.h"

#include <sys/mman.h>

// A check that must raise exactly this fault, or none when it is FAULT_COUNT.
static void
check(const void *p, size_t size, enum fault wanted)
{
    uint64_t before[FAULT_COUNT];

    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        before[i] = fault_count((enum fault)i);
    }
    assert_int_equal(apex_check_range(p, size), wanted == FAULT_COUNT);
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        assert_int_equal(fault_count((enum fault)i) - before[i], i == wanted);
    }
}

#define FINE FAULT_COUNT

static const size_t sizes[] = {1,     8,      16,     17,     100,    1000,    4096,    5000,
                               65000, 100000, 262144, 900000, 1 << 20, 3000000, 40000000};

#define SIZES (sizeof sizes / sizeof *sizes)

// From each of some offsets to the last byte, and beyond it.
static void
check_object(const char *p, size_t bytes)
{
    for (unsigned part = 0; part <= 8; part++) {
        size_t at = bytes / 8 * part;
        if (at < bytes) {
            check(p + at, 1, FINE);
            check(p + at, bytes - at, FINE);
            check(p + at, bytes - at + 1, FAULT_OUT_OF_BOUNDS);
            check(p + at, SIZE_MAX, FAULT_OUT_OF_BOUNDS);
        }
        check(p + at, 0, FINE);
    }
    check(p + bytes - 1, 1, FINE);
    check(p + bytes - 1, 2, FAULT_OUT_OF_BOUNDS);
}

static void
test_objects(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIZES; i++) {
        char *p = apex_malloc(sizes[i]);
        check_object(p, apex_malloc_usable_size(p));
        if (PROFILE_HEADER && sizes[i] % 4096 != 0) {
            check(p + sizes[i], 1, FAULT_OUT_OF_BOUNDS); // the canary
        }
        if (PROFILE_HEADER && sizes[i] <= CHUNK_BYTES_MAX - OVERHEAD_BYTES) {
            check(p - 1, 1, FAULT_OUT_OF_BOUNDS); // the header
            check(p - HEADER_BYTES, 1, FAULT_OUT_OF_BOUNDS);
        }
        apex_free(p);
    }
}

// Every chunk of a block, and what realloc makes of an object.
static void
test_neighbours(void **state)
{
    enum { COUNT = 600 };
    static char *p[COUNT];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        p[i] = apex_malloc(200);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        check_object(p[i], apex_malloc_usable_size(p[i]));
    }
    for (unsigned i = 0; i < COUNT; i++) {
        p[i] = apex_realloc(p[i], i % 2 == 0 ? 150 : 200 * i);
    }
    for (unsigned i = 1; i < COUNT; i++) {
        check_object(p[i], apex_malloc_usable_size(p[i]));
        apex_free(p[i]);
    }
}

static void
test_freed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIZES; i++) {
        char *volatile p = apex_malloc(sizes[i]);
        char *volatile other = apex_malloc(sizes[i]); // or the block might go back
        apex_free(p);
        if (sizes[i] < 40000000) { // that one is unmapped, where there is no quarantine
            check(p, 1, FAULT_USE_AFTER_FREE);
            check(p + sizes[i] - 1, 1, FAULT_USE_AFTER_FREE);
            check(p, sizes[i] + 1, FAULT_USE_AFTER_FREE);
        }
        check(p, 0, FINE);
        check(other, sizes[i], FINE);
        apex_free(other);
    }
}

// Blocks that went back to the pool, and what was never an object.
static void
test_no_object(void **state)
{
    char *volatile p[300];
    char *base;
    unsigned i;

    (void)state;
    for (i = 0; i < 300; i++) {
        p[i] = apex_malloc(60000);
    }
    base = geometry_superblock_base(p[0]); // it stays for that one's sake
    for (i = 1; i < 300; i++) {
        apex_free(p[i]);
    }
    apex_malloc_trim(0);
    for (i = 1; geometry_superblock_base(p[i]) == base; i++) {
        check(p[i], 1, FAULT_USE_AFTER_FREE);
    }
    assert_true(i > 1);
    for (size_t at = 0; at < BLOCK_BYTES; at += 512) { // the descriptors
        check(base + at, 1, FAULT_USE_AFTER_FREE);
    }
    apex_free(p[0]);
}

static void
test_elsewhere(void **state)
{
    static char nobodys[100];
    char on_stack[100];
    char *large = apex_malloc(3000000);
    char *end = large + ((large_find(large)->usable_bytes + 4095) & ~(size_t)4095);

    (void)state;
    check(nobodys, 200, FINE);
    check(on_stack, 200, FINE);
    check(NULL, 1, FINE);
    // A mapping of the program's own behind a large object, in the same 4 MiB.
    void *mapped = mmap(end + 65536, 4096, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (mapped != MAP_FAILED) {
        check(mapped, 5000, FINE);
        apex_free(large);
        check(mapped, 5000, FINE);
        munmap(mapped, 4096);
    }
}

static void
test_empty(void **state)
{
    char *volatile p = apex_malloc(0);

    (void)state;
    check(p, 0, FINE);
    check(p, 1, FAULT_OUT_OF_BOUNDS);
    apex_free(p);
    check(p, 1, FAULT_USE_AFTER_FREE);
}

// Words that nearly say that an object is free: a header with one bit wrong (hardened), the top
// byte of the mark (fast), which a program may have written itself.
static void
test_header(void **state)
{
    char *volatile p = apex_malloc(100);
    uint64_t *word = (uint64_t *)(void *)(PROFILE_HEADER ? p - HEADER_BYTES : p + 8);
    const struct block *b = block_head(geometry_descriptor(p));
    uint64_t old = *word;

    (void)state;
    *word = PROFILE_HEADER ? old ^ (UINT64_C(1) << 20) : b->key >> 56 << 56;
    check(p, 100, PROFILE_HEADER ? FAULT_CORRUPT_HEADER : FINE);
    *word = old;
    apex_free(p);
}

// The way back to the start of an object over many slots of the registry.
static void
test_large_far(void **state)
{
    size_t bytes = (size_t)3 << 30;
    char *p = apex_malloc(bytes);

    (void)state;
    if (p == NULL) {
        return; // a small machine
    }
    for (size_t at = 0; at < bytes; at += (1 << 20) + 4095) {
        check(p + at, bytes - at, FINE);
        check(p + at, bytes - at + 4096, FAULT_OUT_OF_BOUNDS);
    }
    apex_free(p);
}

int
main(int argc, char **argv)
{
    (void)argc;
    unit_report_faults(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_freed),
        cmocka_unit_test(test_no_object),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_large_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
