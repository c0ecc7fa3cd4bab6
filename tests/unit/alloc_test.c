// SPDX-License-Identifier: MIT
//
// malloc, free and realloc at their edges: what the kernel refuses, what the program did to its own
// mappings, the books under a heap limit, and what statistics may miss.

#include "apex.h"
#include "policy/config.h"
#include "policy/heap.h"

#include "../support/unit.h"

#include <sys/mman.h>

static struct apex_stats
stats_now(void)
{
    struct apex_stats stats = {.size_bytes = sizeof stats};

    assert_int_equal(apex_stats_get(&stats), 0);
    return stats;
}

// numpy asks for huge pages behind part of an array and then resizes it.
static void
test_realloc_of_a_mapping_the_program_has_split(void **state)
{
    size_t bytes = 8u << 20;
    char *p = apex_malloc(bytes);

    (void)state;
    memset(p, 7, bytes);
    assert_int_equal(madvise(p + (1u << 20), 1u << 20, MADV_DONTDUMP), 0);
    char *q = apex_realloc(p, 4 * bytes);
    assert_non_null(q);
    assert_int_equal(q[0], 7);
    assert_int_equal(q[bytes - 1], 7);
    apex_free(q);
}

static void
test_more_than_the_machine_has(void **state)
{
    // Volatile, or the compilers warn of sizes that no object can have.
    volatile size_t sizes[] = {(size_t)1 << 46, PTRDIFF_MAX, SIZE_MAX};
    void *volatile p;

    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        p = apex_malloc(sizes[i]);
        assert_null(p);
    }
    p = apex_calloc(sizes[1], 3);
    assert_null(p);
}

// A cached mapping that is larger than the request must not slip through the books, which would
// refuse everything once they have gone below zero.
static void
test_books_under_a_heap_limit(void **state)
{
    (void)state;
    apex_free(apex_malloc(5u << 20)); // into the cache
    void *filler = apex_malloc(900u << 10);
    uint64_t before = stats_now().active_bytes;
    assert_true(config_tune("heap_limit", before + (4u << 20) + (200u << 10)));
    void *cached = apex_malloc((4u << 20) + (160u << 10)); // served by the 5 MiB
    void *too_much = apex_malloc(64u << 20);
    assert_non_null(cached);
    assert_null(too_much);
    apex_free(cached);
    assert_int_equal(stats_now().active_bytes, before);
    void *again = apex_malloc(1u << 20);
    assert_non_null(again);
    apex_free(again);
    assert_true(config_tune("heap_limit", 0));
    apex_free(filler);
}

// The header promises an error of one block for each class, and an eighth of each other block.
static void
test_statistics_keep_their_bound(void **state)
{
    enum { COUNT = 256, SIZE = 16384, PER_BLOCK = 8 * 65536 / SIZE, KEEP_ONE_OF = 4 };
    uint64_t before = stats_now().allocated_bytes;
    void *object[COUNT];
    uint64_t live = COUNT;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        object[i] = apex_malloc(SIZE);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % KEEP_ONE_OF != 0) {
            apex_free(object[i]);
            live--;
        }
    }
    uint64_t reported = (stats_now().allocated_bytes - before) / SIZE;
    assert_in_range(reported, live - PER_BLOCK, live + PER_BLOCK + COUNT / 8);
    for (unsigned i = 0; i < COUNT; i += KEEP_ONE_OF) {
        apex_free(object[i]);
    }
}

static void
test_realloc_keeps_contents_across_kinds(void **state)
{
    static const size_t sizes[] = {24, 5000, 70000, 3u << 20, 40u << 20, 2u << 20, 100000, 300, 1};
    unsigned char *p = apex_malloc(1);
    size_t old = 1;

    (void)state;
    p[0] = 1;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        p = apex_realloc(p, sizes[i]);
        assert_non_null(p);
        assert_int_equal(p[0], 1);
        size_t kept = old < sizes[i] ? old : sizes[i];
        assert_int_equal(p[kept - 1], 1);
        memset(p, 1, sizes[i]);
        old = sizes[i];
    }
    apex_free(p);
}

// A run grows where it stands while there is room behind it, keeps the books, and is found by its
// start only, whatever its length.
static void
test_realloc_grows_in_place(void **state)
{
    uint64_t before;
    char *p;

    (void)state;
    apex_malloc_trim(0);
    before = stats_now().allocated_bytes;
    p = apex_malloc(70000);
    memset(p, 0x5a, 70000);
    for (size_t size = 200000; size <= CHUNK_BYTES_MAX; size += 200000) {
        uintptr_t address = (uintptr_t)p;
        p = apex_realloc(p, size);
        assert_int_equal((uintptr_t)p, address);
        assert_int_equal(p[69999], 0x5a);
        p[size - 1] = 1;
        assert_true(apex_malloc_usable_size(p) >= size);
        assert_int_equal(stats_now().allocated_bytes - before, apex_malloc_usable_size(p));
    }
    heap_audit(heap_self.heap);
    p = apex_realloc(p, 3u << 20); // from here on it is a mapping
    assert_int_equal(p[69999], 0x5a);
    apex_free(p);
    assert_int_equal(stats_now().allocated_bytes, before);
}

static void
test_trim_gives_back(void **state)
{
    enum { COUNT = 20000, SIZE = 1000 };
    static void *object[COUNT];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        object[i] = apex_malloc(SIZE);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        apex_free(object[i]);
    }
    apex_malloc_trim(0);
    assert_int_equal(stats_now().dirty_bytes, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_realloc_of_a_mapping_the_program_has_split),
        cmocka_unit_test(test_more_than_the_machine_has),
        cmocka_unit_test(test_books_under_a_heap_limit),
        cmocka_unit_test(test_statistics_keep_their_bound),
        cmocka_unit_test(test_realloc_keeps_contents_across_kinds),
        cmocka_unit_test(test_realloc_grows_in_place),
        cmocka_unit_test(test_trim_gives_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
