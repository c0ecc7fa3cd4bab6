// SPDX-License-Identifier: MIT
//
// Unit test of core/large.c: mappings, the cache, claims, growing and shrinking.
// Reason: each object here is a mapping; what is lost is lost in megabytes.

#include "core/large.h"

#include "core/registry.h"
#include "os/os_numa.h"

#include "../support/unit.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>

#define MIB ((size_t)1 << 20)

static const struct large_bounds keep = {.cached_bytes_max = 64 * MIB, .now_ns = 1000};
static const struct large_bounds drop = {.cached_bytes_max = 0, .now_ns = 1000};

static const struct large_place anywhere = {.mode = LARGE_TOUCH};

static struct large *
make(size_t bytes)
{
    bool zeroed = false;
    struct large *large = large_alloc(bytes, 16, &anywhere, &zeroed);

    assert_non_null(large);
    assert_true(large->usable_bytes >= bytes);
    return large;
}

static void
end(struct large *large, const struct large_bounds *bounds)
{
    assert_true(large_claim(large));
    large_free(large, bounds);
}

static int
teardown(void **state)
{
    (void)state;
    large_trim(0, UINT64_MAX);
    return large_cached_bytes() == 0 ? 0 : -1;
}

static void
test_found_by_its_start_only(void **state)
{
    struct large *large = make(9 * MIB);
    char *p = large->base;

    (void)state;
    assert_int_equal((uintptr_t)p % SUPERBLOCK_BYTES, 0);
    memset(p, 1, 9 * MIB);
    assert_ptr_equal(large_find(p), large);
    assert_null(large_find(p + 16));
    assert_null(large_find(p + SUPERBLOCK_BYTES)); // inside, at a slot's start
    assert_int_equal(registry_kind_of(p), REGISTRY_LARGE);
    assert_int_equal(registry_kind_of(p + SUPERBLOCK_BYTES), REGISTRY_LARGE_REST);
    assert_int_equal(registry_kind_of(p + 9 * MIB - 1), REGISTRY_LARGE_REST);
    end(large, &drop);
    assert_int_equal(registry_kind_of(p), REGISTRY_NONE);
    assert_int_equal(registry_kind_of(p + 9 * MIB - 1), REGISTRY_NONE);
    assert_null(large_find(p));
}

static void
test_claimed_once(void **state)
{
    struct large *large = make(2 * MIB);

    (void)state;
    assert_true(large_claim(large));
    assert_false(large_claim(large));
    large_free(large, &keep);
    assert_false(large_claim(large)); // cached: a double free
    assert_ptr_equal(large_find(large->base), large);
}

static void
test_cache(void **state)
{
    bool zeroed = true;
    struct large *large = make(8 * MIB);
    char *p = large->base;

    (void)state;
    memset(p, 7, 8 * MIB);
    end(large, &keep);
    assert_int_equal(large_cached_bytes(), 8 * MIB);
    // A seventh too large: good enough.
    struct large *again = large_alloc(7 * MIB, 16, &anywhere, &zeroed);
    assert_int_equal(again->usable_bytes, 8 * MIB);
    assert_ptr_equal(again->base, p);
    assert_false(zeroed);
    assert_int_equal(large_cached_bytes(), 0);
    end(again, &drop);
    assert_int_equal(large_cached_bytes(), 0); // bounds of 0 empty the cache
}

// The tail of a mapping that is far too large serves the next request; the books and the registry
// know two of them from then on.
static void
test_cache_splits(void **state)
{
    struct large *large = make(25 * MIB);
    char *p = large->base;

    (void)state;
    memset(p, 7, 25 * MIB);
    end(large, &keep);
    struct large *head = make(6 * MIB);
    assert_ptr_equal(head->base, p);
    assert_in_range(head->usable_bytes, 6 * MIB, 8 * MIB - 4096); // a page of distance at least
    assert_int_equal(large_cached_bytes(), 17 * MIB);
    assert_int_equal(registry_kind_of(p + 8 * MIB), REGISTRY_LARGE);
    struct large *tail = make(17 * MIB);
    assert_ptr_equal(tail->base, p + 8 * MIB);
    assert_ptr_equal(large_find(tail->base), tail);
    assert_int_equal(tail->base[17 * MIB - 1], 7); // its pages came along
    assert_int_equal(large_cached_bytes(), 0);
    end(head, &drop);
    assert_int_equal(registry_kind_of(p), REGISTRY_NONE);
    assert_int_equal(registry_kind_of(p + 8 * MIB), REGISTRY_LARGE);
    tail->base[0] = 1;
    end(tail, &drop);
    assert_null(large_find(p + 8 * MIB));
}

// A mapping that is too small grows, and its pages stay.
static void
test_cache_grows(void **state)
{
    bool zeroed = true;
    struct large *small = make(2 * MIB);
    struct large *large = make(5 * MIB);

    (void)state;
    memset(small->base, 2, 2 * MIB);
    memset(large->base, 5, 5 * MIB);
    end(small, &keep);
    end(large, &keep);
    struct large *grown = large_alloc(12 * MIB, 16, &anywhere, &zeroed);
    assert_non_null(grown);
    assert_false(zeroed);
    assert_int_equal(grown->usable_bytes, 12 * MIB);
    assert_int_equal(grown->base[5 * MIB - 1], 5); // the larger of the two
    assert_int_equal(grown->base[12 * MIB - 1], 0);
    assert_int_equal(large_cached_bytes(), 2 * MIB);
    assert_ptr_equal(large_find(grown->base), grown);
    end(grown, &drop);
    // A move would lose this alignment: nothing that would have to grow is taken.
    struct large *last = make(2 * MIB);
    end(last, &keep);
    struct large *aligned = large_alloc(12 * MIB, 64 * MIB, &anywhere, &zeroed);
    assert_int_equal((uintptr_t)aligned->base % (64 * MIB), 0);
    assert_true(zeroed);
    end(aligned, &drop);
}

static void
test_trim_by_age_and_bytes(void **state)
{
    struct large_bounds at = keep;
    struct large *l[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        l[i] = make((2 + i) * MIB);
    }
    for (unsigned i = 0; i < 3; i++) {
        at.now_ns = 100 * (i + 1);
        end(l[i], &at);
    }
    assert_int_equal(large_trim(0, 100), 0); // nothing is older
    assert_int_equal(large_trim(0, 101), 2 * MIB);
    assert_int_equal(large_trim(4 * MIB, UINT64_MAX),
                     3 * MIB); // oldest first, until 4 MiB are left
    assert_int_equal(large_cached_bytes(), 4 * MIB);
}

static void
test_alignment(void **state)
{
    (void)state;
    for (size_t align = 4 * MIB; align <= 256 * MIB; align *= 4) {
        bool zeroed;
        struct large *large = large_alloc(3 * MIB, align, &anywhere, &zeroed);
        assert_non_null(large);
        assert_int_equal((uintptr_t)large->base % align, 0);
        end(large, &drop);
    }
}

static void
test_resize_keeps_contents(void **state)
{
    static const size_t steps[] = {3 * MIB,     5 * MIB,  17 * MIB, 6 * MIB,
                                   6 * MIB + 1, 30 * MIB, 2 * MIB};
    struct large *large = make(2 * MIB);
    size_t size = 2 * MIB;

    (void)state;
    memset(large->base, 0x5c, size);
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        size_t kept = size < steps[i] ? size : steps[i];
        assert_true(large_claim(large));
        char *p = large_resize(large, steps[i], &anywhere);
        assert_non_null(p);
        assert_ptr_equal(p, large->base);
        assert_ptr_equal(large_find(p), large);
        assert_true(large->usable_bytes >= steps[i]);
        for (size_t k = 0; k < kept; k += 997) {
            assert_int_equal(p[k], 0x5c);
        }
        size = steps[i];
        memset(p, 0x5c, size);
        assert_int_equal(registry_kind_of(p + size - 1),
                         size > SUPERBLOCK_BYTES ? REGISTRY_LARGE_REST : REGISTRY_LARGE);
    }
    // What no kernel can give: refused, and the object is as it was.
    assert_true(large_claim(large));
    assert_null(large_resize(large, (size_t)1 << 60, &anywhere));
    assert_int_equal(large->base[size - 1], 0x5c);
    end(large, &drop);
}

static void
test_too_much(void **state)
{
    bool zeroed;

    (void)state;
    assert_null(large_alloc((size_t)1 << 60, 16, &anywhere, &zeroed));
    assert_null(large_alloc(SIZE_MAX / 2, 16, &anywhere, &zeroed));
    assert_null(large_alloc(MIB, (size_t)1 << 60, &anywhere, &zeroed));
}

static struct large *
make_at(size_t bytes, enum large_mode mode, unsigned home, const struct os_nodes *nodes)
{
    const struct large_place place = {mode, (uint8_t)home, 1, nodes};
    bool zeroed;
    struct large *large = large_alloc(bytes, 16, &place, &zeroed);

    assert_non_null(large);
    return large;
}

static int
policy_at(const void *p)
{
    int mode = -1;

    assert_int_equal(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_ADDR), 0);
    return mode;
}

// What is cached serves who wants it where it is; its tail is bound as it is.
static void
test_cache_by_place(void **state)
{
    struct os_nodes nodes = {{0}};

    (void)state;
    os_nodes_add(&nodes, os_numa_node());
    struct large *spread = make_at(40 * MIB, LARGE_INTERLEAVE, 0, &nodes);
    char *p = spread->base;
    assert_int_equal(policy_at(p), MPOL_INTERLEAVE);
    end(spread, &keep);
    struct large *other = make_at(8 * MIB, LARGE_TOUCH, 0, NULL);
    struct large *there = make_at(8 * MIB, LARGE_TOUCH, 1, NULL);
    struct large *bound = make_at(8 * MIB, LARGE_PREFER, 0, &nodes);
    assert_int_equal(policy_at(other->base), MPOL_DEFAULT);
    assert_int_equal(policy_at(bound->base), MPOL_PREFERRED);
    assert_int_equal(large_cached_bytes(), 40 * MIB);
    struct large *head = make_at(8 * MIB, LARGE_INTERLEAVE, 0, &nodes);
    struct large *tail = make_at(20 * MIB, LARGE_INTERLEAVE, 0, &nodes);
    assert_ptr_equal(head->base, p);
    assert_true(tail->base > p && tail->base < p + 40 * MIB);
    assert_int_equal(policy_at(tail->base + 19 * MIB), MPOL_INTERLEAVE);
    end(there, &keep);
    struct large *again = make_at(8 * MIB, LARGE_TOUCH, 0, NULL);
    assert_ptr_not_equal(again, there);
    end(again, &drop);
    end(other, &drop);
    end(bound, &drop);
    end(head, &drop);
    end(tail, &drop);
}

// The kernel does not know the node: first touch, and it says so.
static void
test_bound_to_nowhere(void **state)
{
    struct os_nodes nodes = {{0}};

    (void)state;
    os_nodes_add(&nodes, OS_NODES_MAX - 1);
    struct large *large = make_at(8 * MIB, LARGE_PREFER, 3, &nodes);
    assert_int_equal(large->place_mode, LARGE_TOUCH);
    memset(large->base, 1, 8 * MIB);
    end(large, &drop);
}

// What grows is bound as it would be had it been made so.
static void
test_growth_is_bound(void **state)
{
    struct os_nodes nodes = {{0}};
    struct large *large = make(2 * MIB);
    const struct large_place place = {.mode = LARGE_PREFER, .home = 0, .key = 1, .nodes = &nodes};

    (void)state;
    os_nodes_add(&nodes, os_numa_node());
    assert_true(large_claim(large));
    char *p = large_resize(large, 12 * MIB, &place);
    assert_non_null(p);
    assert_int_equal(policy_at(p), MPOL_PREFERRED);
    assert_int_equal(policy_at(p + 11 * MIB), MPOL_PREFERRED);
    assert_int_equal(large->place_mode, LARGE_PREFER);
    assert_true(large_claim(large));
    assert_non_null(large_resize(large, 3 * MIB, &anywhere)); // what shrinks stays as it is
    assert_int_equal(large->place_mode, LARGE_PREFER);
    end(large, &drop);
}

static bool
is_fifth(const struct large *large)
{
    return large->usable_bytes == 5 * MIB;
}

static void
test_expel(void **state)
{
    struct large *large[3] = {make(4 * MIB), make(5 * MIB), make(6 * MIB)};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        end(large[i], &keep);
    }
    assert_int_equal(large_expel(is_fifth), 5 * MIB);
    assert_int_equal(large_cached_bytes(), 10 * MIB);
    assert_int_equal(large_expel(is_fifth), 0);
    // They are in the order in which they were freed.
    assert_int_equal(large_trim(6 * MIB, UINT64_MAX), 4 * MIB);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_found_by_its_start_only, teardown),
        cmocka_unit_test_teardown(test_claimed_once, teardown),
        cmocka_unit_test_teardown(test_cache, teardown),
        cmocka_unit_test_teardown(test_cache_splits, teardown),
        cmocka_unit_test_teardown(test_cache_grows, teardown),
        cmocka_unit_test_teardown(test_trim_by_age_and_bytes, teardown),
        cmocka_unit_test_teardown(test_alignment, teardown),
        cmocka_unit_test_teardown(test_resize_keeps_contents, teardown),
        cmocka_unit_test_teardown(test_too_much, teardown),
        cmocka_unit_test_teardown(test_cache_by_place, teardown),
        cmocka_unit_test_teardown(test_bound_to_nowhere, teardown),
        cmocka_unit_test_teardown(test_growth_is_bound, teardown),
        cmocka_unit_test_teardown(test_expel, teardown),
    };

    return cmocka_run_group_tests_name("large", tests, NULL, NULL);
}
