// SPDX-License-Identifier: MIT
//
// Unit test of policy/sampler.c, and of what malloc and free do with sampled objects, in both
// libraries. The rate is low enough that many are.
// Reason: a sampled object must behave as any other; and what the profile says must be true.

#include "policy/sampler.h"

#include "apex.h"
#include "core/registry.h"
#include "policy/config.h"
#include "policy/heap.h"
#include "front/place.h"

#include "../support/unit.h"

#include <sys/wait.h>

#define OBJECTS 4000
#define RATE 4096

static void *object[OBJECTS];

// Sets the rate; the calling thread takes it over at once.
static void
set_rate(uint64_t rate)
{
    apex_free(apex_malloc(1));
    assert_true(config_tune("profile_rate", rate));
    sampler_poll();
    heap_watch(heap_self.heap);
}

struct totals {
    uint64_t samples, weight, bytes;
};

// What all stacks say is live.
static struct totals
live_totals(void)
{
    struct totals t = {0, 0, 0};

    for (unsigned i = 0; i < APEX_PROFILE_STACKS; i++) {
        const struct apex_profile_stack *s = &sampler_table->stack[i];
        t.samples += s->allocs.samples - s->frees.samples;
        t.weight += s->allocs.weight - s->frees.weight;
        t.bytes += s->allocs.bytes - s->frees.bytes;
    }
    return t;
}

static unsigned
live_entries(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < APEX_PROFILE_LIVE; i++) {
        count += sampler_table->live[i].address != 0;
    }
    return count;
}

static bool
is_sampled(const void *p)
{
    size_t lead;
    return sampler_find(p, &lead);
}

// An object of `size` that is sampled, from an allocator that is asked until it yields one.
static __attribute__((noinline)) void *
get_sampled(size_t size)
{
    for (;;) {
        void *p = apex_malloc(size);
        if (is_sampled(p)) {
            return p;
        }
        apex_free(p);
    }
}

// --- Off -----------------------------------------------------------------------------------------

static void
test_off(void **state)
{
    (void)state;
    apex_free(apex_malloc(100));
    assert_null(sampler_table);
    assert_int_equal(heap_self.direct_end, DIRECT_END);
    assert_false(is_sampled(object));
}

static void
test_on_and_off(void **state)
{
    (void)state;
    set_rate(RATE);
    assert_int_equal(heap_self.direct_end, DIRECT_WATCHED);
    assert_int_equal(sampler_table->header.rate_bytes, RATE);
    void *p = get_sampled(64);
    set_rate(0);
    assert_int_equal(heap_self.direct_end, DIRECT_END);
    uint64_t samples = sampler_table->header.samples;
    for (unsigned i = 0; i < 1000; i++) {
        apex_free(apex_malloc(4096));
    }
    assert_int_equal(sampler_table->header.samples, samples);
    apex_free(p); // it is still known
    assert_int_equal(live_entries(), 0);
}

// --- Estimates -----------------------------------------------------------------------------------

// The estimate of bytes lies within `percent` of the truth; six standard deviations at least.
static void
estimate(size_t size, unsigned count, unsigned percent)
{
    static void *kept[200000];

    set_rate(RATE);
    struct totals before = live_totals();
    for (unsigned i = 0; i < count; i++) {
        kept[i] = apex_malloc(size);
        assert_non_null(kept[i]);
    }
    struct totals after = live_totals();
    double bytes = (double)(after.bytes - before.bytes) / ((double)size * count);
    double objects = (double)(after.weight - before.weight) / APEX_PROFILE_WEIGHT_ONE / count;
    assert_true(bytes > 1 - percent / 100.0 && bytes < 1 + percent / 100.0);
    assert_true(objects > 1 - percent / 100.0 && objects < 1 + percent / 100.0);
    for (unsigned i = 0; i < count; i++) {
        apex_free(kept[i]);
    }
    assert_int_equal(live_totals().bytes, before.bytes);
    assert_int_equal(live_entries(), 0);
}

static void
test_estimates(void **state)
{
    (void)state;
    estimate(16, 200000, 25);  // 780 samples
    estimate(100, 50000, 20);  // 1220
    estimate(1024, 8000, 15);  // 1770
    estimate(4096, 4000, 12);  // 2530
    estimate(40000, 400, 1);   // nearly all
    assert_int_equal(sampler_table->header.dropped_live, 0);
}

// The same random numbers each time: the heap's are its own from here on.
static void
set_rate_seeded(uint64_t rate)
{
    set_rate(0);
    rng_seed(&heap_self.heap->rng, 20260);
    set_rate(rate);
}

// What all stacks say was allocated.
static struct totals
alloc_totals(void)
{
    struct totals t = {0, 0, 0};

    for (unsigned i = 0; i < APEX_PROFILE_STACKS; i++) {
        const struct apex_profile_sum *sum = &sampler_table->stack[i].allocs;
        t.samples += sum->samples;
        t.weight += sum->weight;
        t.bytes += sum->bytes;
    }
    return t;
}

// Whether what was estimated since `before` is within `percent` of `count` objects and `bytes`.
static void
expect_estimate(const struct totals *before, double count, double bytes, unsigned percent)
{
    struct totals after = alloc_totals();
    double objects = (double)(after.weight - before->weight) / APEX_PROFILE_WEIGHT_ONE / count;
    double granted = (double)(after.bytes - before->bytes) / bytes;

    assert_true(objects > 1 - percent / 100.0 && objects < 1 + percent / 100.0);
    assert_true(granted > 1 - percent / 100.0 && granted < 1 + percent / 100.0);
}

// Freed at once: what comes back to the list is counted each time that it goes out again. The
// bounds are four standard deviations, and with these random numbers it is always the same one.
static void
test_estimate_of_pairs(void **state)
{
    static const size_t sizes[] = {1, 48, 200, 1000, 1024, 1025, 3000, 60000, 70000};

    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned count = (unsigned)(1600 * RATE / (sizes[i] < 16 ? 16 : sizes[i]));
        count = count < 1600 ? 1600 : count;
        set_rate_seeded(RATE);
        struct totals before = alloc_totals();
        for (unsigned k = 0; k < count; k++) {
            apex_free(apex_malloc(sizes[i]));
        }
        expect_estimate(&before, count, (double)sizes[i] * count, 10);
    }
    assert_int_equal(live_entries(), 0);
}

// Sizes of one class and of many, by all the ways an object is asked for, kept for a while.
static void
test_estimate_of_a_mixture(void **state)
{
    static void *kept[500];
    double bytes = 0;
    uint64_t x = 1;
    unsigned count = 60000;

    (void)state;
    set_rate_seeded(RATE);
    struct totals before = alloc_totals();
    for (unsigned i = 0; i < count; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t size = (x >> 33) % 8 == 0 ? (x >> 40) % 4000 + 1 : (x >> 40) % 160 + 1;
        unsigned at = (unsigned)(x >> 52) % 500;
        apex_free(kept[at]);
        kept[at] = i % 3 == 0 ? apex_calloc(1, size) : apex_malloc(size);
        bytes += (double)size;
    }
    expect_estimate(&before, count, bytes, 10);
    for (unsigned i = 0; i < 500; i++) {
        apex_free(kept[i]);
        kept[i] = NULL;
    }
    assert_int_equal(live_entries(), 0);
}

// Most allocations do not leave the fast path, and the totals of the heap are exact nevertheless.
// The hardened library has no rations.
static void
test_rations(void **state)
{
    struct heap *heap = heap_self.heap;
    unsigned c = size_class_of(48);
    static void *kept[3000];

    (void)state;
    if (PROFILE_HEADER) {
        return;
    }
    set_rate(UINT64_C(1) << 40);
    for (unsigned i = 0; i < 3000; i++) {
        kept[i] = apex_malloc(48);
    }
    heap_settle_all(heap);
    uint64_t gained = heap->stats.class[c].live_gained - heap->stats.class[c].live_lost;
    assert_ptr_equal(heap->direct[3], ration_of(heap->current[c]));
    assert_true(ration_left(heap->current[c]) > 0);
    uint64_t due = heap->due[c];
    apex_free(apex_malloc(48));
    assert_int_equal(heap->due[c], due);
    for (unsigned i = 0; i < 3000; i++) {
        apex_free(kept[i]);
    }
    heap_settle_all(heap);
    assert_int_equal(gained - 3000,
                     heap->stats.class[c].live_gained - heap->stats.class[c].live_lost);
    set_rate(0);
    for (unsigned n = 1; n < DIRECT_COUNT; n++) {
        assert_ptr_equal(heap->direct[n], heap->current[size_class_of(n * ALIGN_BYTES)]);
    }
}

// --- Objects -------------------------------------------------------------------------------------

static void
test_sizes(void **state)
{
    static const size_t sizes[] = {1,     15,    16,     17,     100,     1000,    1024,   1025,
                                   5000,  60000, 65536,  65537,  100000,  500000,  524288, 1000000,
                                   1 << 20, (1 << 20) + 1, 3000000};

    (void)state;
    set_rate(RATE);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *p = get_sampled(sizes[i]);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_true(apex_malloc_usable_size(p) >= sizes[i]);
        memset(p, 0x5a, sizes[i]);
        // Grows, shrinks, and keeps what is in it, sampled again or not.
        p = apex_realloc(p, sizes[i] * 3);
        assert_int_equal(p[0], 0x5a);
        assert_int_equal(p[sizes[i] - 1], 0x5a);
        p = apex_realloc(p, (sizes[i] + 1) / 2);
        assert_int_equal(p[(sizes[i] - 1) / 2], 0x5a);
        apex_free_sized(p, (sizes[i] + 1) / 2);
        assert_int_equal(live_entries(), 0);
    }
}

static void
test_aligned(void **state)
{
    (void)state;
    set_rate(64);
    for (size_t align = 1; align <= 4 << 20; align *= 2) {
        unsigned seen = 0;
        for (unsigned i = 0; i < 50; i++) {
            void *p = apex_aligned_alloc(align, align * (i % 3) + i + 1);
            assert_int_equal((uintptr_t)p % align, 0);
            seen += is_sampled(p);
            memset(p, 1, align * (i % 3) + i + 1);
            apex_free(p);
        }
        assert_true(seen > 5);
    }
    assert_int_equal(live_entries(), 0);
}

static void
test_zeroed(void **state)
{
    (void)state;
    set_rate(256);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t size = 1; size < 3000000; size = size * 3 / 2 + 1) {
            unsigned char *p = apex_calloc(1, size);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(p[i], 0);
            }
            memset(p, 0xff, size);
            apex_free(p);
        }
    }
}

static void
test_stack_names_the_caller(void **state)
{
    size_t lead;
    bool inside = false;

    (void)state;
    set_rate(RATE);
    void *p = get_sampled(3000);
    assert_true(sampler_find(p, &lead));
    for (unsigned i = 0; i < APEX_PROFILE_LIVE; i++) {
        const struct apex_profile_live *live = &sampler_table->live[i];
        if (live->address != (uintptr_t)p) {
            continue;
        }
        assert_int_equal(live->size_bytes, 3000);
        assert_true(live->birth_ns != 0);
        const struct apex_profile_stack *s = &sampler_table->stack[live->stack];
        assert_true(s->depth > 2);
        for (unsigned d = 0; d < s->depth; d++) {
            uintptr_t at = (uintptr_t)s->pc[d] - (uintptr_t)get_sampled;
            inside |= at < 400;
        }
    }
    assert_true(inside);
    apex_free(p);
}

// --- Threads and children ------------------------------------------------------------------------

static void *
free_all(void *unused)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(object[i]);
    }
    return unused;
}

static void *
allocate_all(void *unused)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        object[i] = apex_malloc(i % 2000 + 1);
    }
    return unused;
}

// Freed by another thread, when the one that allocated is gone.
static void
test_threads(void **state)
{
    pthread_t thread;

    (void)state;
    set_rate(RATE);
    assert_int_equal(pthread_create(&thread, NULL, allocate_all, NULL), 0);
    pthread_join(thread, NULL);
    assert_true(live_entries() > 500);
    assert_int_equal(pthread_create(&thread, NULL, free_all, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(live_entries(), 0);
}

static void *
churn(void *seed)
{
    uintptr_t x = (uintptr_t)seed;
    void *kept[64] = {NULL};

    for (unsigned i = 0; i < 100000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        unsigned at = (unsigned)(x >> 40) % 64;
        apex_free(kept[at]);
        kept[at] = apex_malloc((x >> 50) % 3000);
    }
    for (unsigned i = 0; i < 64; i++) {
        apex_free(kept[i]);
    }
    return NULL;
}

static void
test_many_threads(void **state)
{
    pthread_t thread[4];

    (void)state;
    set_rate(512);
    for (uintptr_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, churn, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
    assert_int_equal(live_entries(), 0);
    assert_int_equal(live_totals().samples, 0);
}

static void
test_fork(void **state)
{
    int status;

    (void)state;
    set_rate(RATE);
    allocate_all(NULL);
    pid_t child = fork();
    if (child == 0) {
        free_all(NULL);
        _exit(live_entries() == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(live_entries() > 500);
    free_all(NULL);
    assert_int_equal(live_entries(), 0);
}

// --- Crimes --------------------------------------------------------------------------------------

// The compiler must not know what they do.
static void (*volatile release)(void *) = apex_free;
static void *(*volatile resize)(void *, size_t) = apex_realloc;

// How a child ends that commits one.
static void
expect_abort(void (*crime)(char *), size_t size)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        close(STDERR_FILENO);
        set_rate(RATE);
        crime(get_sampled(size));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
double_free(char *p)
{
    release(p);
    release(p);
}

static void
interior_free(char *p)
{
    release(p + 16);
}

static void
misaligned_free(char *p)
{
    release(p + 1);
}

static void
free_of_the_chunk(char *p)
{
    release(p - SAMPLER_LEAD_BYTES);
    release(p);
}

static void
double_realloc(char *p)
{
    release(p);
    resize(p, 10);
}

static void
underflow(char *p)
{
    p[-1] ^= 1;
    release(p);
}

static void
test_crimes(void **state)
{
    static const size_t sizes[] = {40, 3000, 100000};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        expect_abort(double_free, sizes[i]);
        expect_abort(interior_free, sizes[i]);
        expect_abort(misaligned_free, sizes[i]);
        expect_abort(double_realloc, sizes[i]);
        expect_abort(free_of_the_chunk, sizes[i]);
        if (PROFILE_CANARY) {
            expect_abort(underflow, sizes[i]);
        }
    }
    expect_abort(double_free, 3000000);
}

// --- Limits --------------------------------------------------------------------------------------

// More live objects than there are places: the rest is not sampled, and works.
static void
test_full(void **state)
{
    static void *kept[60000];

    (void)state;
    set_rate(1);
    for (unsigned i = 0; i < 60000; i++) {
        kept[i] = apex_malloc(64);
        assert_non_null(kept[i]);
        memset(kept[i], 1, 64);
    }
    assert_true(sampler_table->header.dropped_live > 1000);
    assert_true(live_entries() > APEX_PROFILE_LIVE * 3 / 4);
    for (unsigned i = 0; i < 60000; i++) {
        apex_free_sized(kept[i], 64);
    }
    assert_int_equal(live_entries(), 0);
    set_rate(0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_on_and_off),
        cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_estimate_of_pairs),
        cmocka_unit_test(test_estimate_of_a_mixture),
        cmocka_unit_test(test_rations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_aligned),
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_stack_names_the_caller),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_crimes),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
