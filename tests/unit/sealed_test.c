// SPDX-License-Identifier: MIT
//
// Unit test of front/sealed.c (hardened): every size and alignment, contents through realloc, sizes
// as they were asked for, zeroes wherever memory is handed out, a random load.
// Reason: the hardened library has its own malloc, free and realloc.

#include "front/sealed.h"

#include "apex.h"
#include "base/rng.h"
#include "policy/heaps.h"

#include "../support/unit.h"

#define SLOTS 512

static bool
is_filled(const unsigned char *p, size_t bytes, unsigned char with)
{
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != with) {
            return false;
        }
    }
    return true;
}

static void
test_sizes(void **state)
{
    static const size_t around[] = {16,   32,    48,     1008,    1024,    4096,    8192,
                                    65520, 65536, 131072, 262144, 1044480, 1048576, 5000000};

    (void)state;
    for (unsigned i = 0; i < sizeof around / sizeof *around; i++) {
        for (size_t size = around[i] - 15; size <= around[i] + 15; size++) {
            unsigned char *p = apex_malloc(size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            assert_int_equal(apex_malloc_usable_size(p), size);
            assert_true(is_filled(p, size, 0));
            memset(p, 0xa5, size);
            apex_free_sized(p, size);
        }
    }
}

static void
test_alignments(void **state)
{
    (void)state;
    for (size_t align = 1; align <= (size_t)1 << 23; align *= 2) {
        for (size_t size = 1; size < 300000; size = size * 3 + 1) {
            unsigned char *p = apex_memalign(align, size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % align, 0);
            assert_true(is_filled(p, size, 0));
            memset(p, 0xa5, size);
            apex_free(p);
        }
    }
}

// From each of these sizes to each other.
static void
test_sizes_by_realloc(void **state)
{
    static const size_t sizes[] = {1, 40, 48, 49, 1000, 5000, 60000, 100000, 130000, 700000,
                                   1048576, 3000000, 9000000};
    enum { COUNT = sizeof sizes / sizeof *sizes };

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned j = 0; j < COUNT; j++) {
            unsigned char *p = apex_malloc(sizes[i]);
            size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
            memset(p, 0x77, sizes[i]);
            p = apex_realloc(p, sizes[j]);
            assert_non_null(p);
            assert_int_equal(apex_malloc_usable_size(p), sizes[j]);
            assert_true(is_filled(p, kept, 0x77));
            assert_true(is_filled(p + kept, sizes[j] - kept, 0));
            apex_free(p);
        }
    }
}

// Every object is zero when it is handed out, whoever had the place before.
static void
test_random_load(void **state)
{
    static unsigned char *slots[SLOTS];
    static size_t sizes[SLOTS];
    struct rng rng;

    (void)state;
    rng_seed(&rng, 11);
    for (unsigned i = 0; i < 60000; i++) {
        unsigned at = (unsigned)(rng_next(&rng) % SLOTS);
        if (slots[at] != NULL) {
            assert_true(is_filled(slots[at], sizes[at], (unsigned char)at));
            apex_free(slots[at]);
        }
        sizes[at] = (size_t)(rng_next(&rng) & ((UINT64_C(16) << rng_next(&rng) % 14) - 1));
        slots[at] = apex_malloc(sizes[at]);
        assert_non_null(slots[at]);
        assert_true(is_filled(slots[at], sizes[at], 0));
        memset(slots[at], (int)(unsigned char)at, sizes[at]);
        if (i % 4096 == 0) {
            heap_audit(heap_self.heap);
        }
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        apex_free(slots[i]);
    }
    heap_collect(heap_self.heap);
    heap_audit(heap_self.heap);
}

static uint64_t
faults(void)
{
    uint64_t sum = 0;

    for (unsigned f = 0; f < FAULT_COUNT; f++) {
        sum += fault_count((enum fault)f);
    }
    return sum;
}

// Where no memory can be read, since the run's object was hidden.
static void
test_free_inside_freed_run(void **state)
{
    char *run = apex_malloc(300000);

    (void)state;
    fault_set_report(true);
    apex_free(run);
    apex_malloc_trim(0); // out of quarantine
    for (unsigned inside = 16; inside < 300000; inside += 4080) {
        uint64_t before = faults();
        apex_free(run + inside);
        assert_int_equal(faults(), before + 1);
    }
    fault_set_report(false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_alignments),
        cmocka_unit_test(test_sizes_by_realloc),
        cmocka_unit_test(test_random_load),
        cmocka_unit_test(test_free_inside_freed_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
