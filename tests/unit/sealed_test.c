// SPDX-License-Identifier: MIT
//
// Unit test of front/sealed.c (hardened): every size and alignment, contents through realloc, sizes
// as they were asked for, zeroes wherever memory is handed out, a random load.
// Reason: the hardened library has its own malloc, free and realloc.

#include "front/sealed.h"

#include "apex.h"
#include "base/rng.h"
#include "policy/config.h"
#include "policy/heaps.h"
#include "policy/quarantine_global.h"

#include "../support/unit.h"

#include <pthread.h>

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

static void
test_no_faults(void **state)
{
    (void)state;
    assert_int_equal(faults(), 0); // of the tests before
}

// A realloc that is stopped has no result, and leaves the object as it was: so it can still be
// freed when the damage is undone.
static void
test_realloc_that_is_stopped(void **state)
{
    static const size_t sizes[] = {0, 100, 200000, 5000000};

    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t before = faults();
        char *p = sealed_alloc(sizes[i], SEAL_NEW);
        assert_null(apex_realloc(p, sizes[i] + 10));
        assert_int_equal(faults(), before + 1);
        sealed_free(p, (struct seal_claim){.kind = SEAL_NEW, .size = sizes[i]});
        p = apex_malloc(sizes[i]);
        assert_int_equal(faults(), before + 1);
        if (sizes[i] != 0) {
            p[sizes[i]] ^= 1;
            assert_null(apex_realloc(p, sizes[i] + sizes[i] / 2));
            assert_int_equal(faults(), before + 2);
            p[sizes[i]] ^= 1;
        }
        apex_free_sized(p, sizes[i]);
        assert_int_equal(faults(), before + (sizes[i] != 0 ? 2 : 1));
    }
}

// Where there is no memory for a smaller object the larger one will do, sealed anew: the bytes that
// it lost are zero, as behind any other object.
static void
test_realloc_to_less_without_memory(void **state)
{
    static const size_t from[] = {700, 60000, 200000, 3000000};
    static const size_t to[] = {40000, 300, 20};
    uint64_t before = faults();
    void **all = NULL;
    void **more;
    char *p[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        p[i] = apex_malloc(from[i]);
        memset(p[i], 0x66, from[i]);
    }
    assert_true(config_tune("heap_limit", 1));
    for (unsigned i = 0; i < 3; i++) {
        for (; (more = apex_malloc(to[i])) != NULL; all = more) {
            *more = all;
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < 3; j++) {
            if (to[j] < from[i]) {
                char *q = apex_realloc(p[i], to[j]);
                assert_ptr_equal(q, p[i]);
                assert_int_equal(apex_malloc_usable_size(q), to[j]);
                assert_true(is_filled((unsigned char *)q, to[j], 0x66));
            }
        }
        apex_free_sized(p[i], 20);
    }
    assert_int_equal(faults(), before);
    assert_true(config_tune("heap_limit", 0));
    for (; all != NULL; all = more) {
        more = *all;
        apex_free(all);
    }
}

static void *
free_and_exit(void *p)
{
    apex_free(p);
    return NULL;
}

// What a thread freed waits on when the thread is gone, and no longer when memory is asked back.
static void
test_quarantine_outlives_thread(void **state)
{
    void *p = apex_malloc(100);
    pthread_t thread;

    (void)state;
    heap_collect(heap_self.heap);
    assert_null(quarantine_global_take(&heap_self.heap->rng));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&thread, NULL, free_and_exit, p), 0);
        pthread_join(thread, NULL);
        if (i == 0) {
            struct chunk *out = quarantine_global_take(&heap_self.heap->rng);
            assert_ptr_equal(out, chunk_of(p));
            heap_free(heap_self.heap, block_head(geometry_descriptor(out)), out);
            p = apex_malloc(100);
        }
    }
    heap_collect(heap_self.heap);
    assert_null(quarantine_global_take(&heap_self.heap->rng));
}

int
main(int argc, char **argv)
{
    (void)argc;
    unit_report_faults(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_alignments),
        cmocka_unit_test(test_sizes_by_realloc),
        cmocka_unit_test(test_random_load),
        cmocka_unit_test(test_no_faults),
        cmocka_unit_test(test_realloc_that_is_stopped),
        cmocka_unit_test(test_realloc_to_less_without_memory),
        cmocka_unit_test(test_quarantine_outlives_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
