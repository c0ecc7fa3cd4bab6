// SPDX-License-Identifier: MIT
//
// Unit test of front/walk.c: every live object is shown once, with its sizes, and nothing else is.
// Also built with the hardened library.
// Reason: the walk is what all statistics are held against; it must be right by itself.

#include "front/walk.h"

#include "core/size_class.h"
#include "policy/config.h"
#include "policy/heap.h"
#include "policy/pool.h"
#include "policy/sampler.h"

#include "../support/unit.h"

#include <stdlib.h>

#define OBJECTS_MAX 200000

struct seen {
    struct apex_object object[OBJECTS_MAX];
    unsigned count;
    unsigned end_after; // 0: never
};

static struct seen seen;
static void *live[OBJECTS_MAX];
static size_t size_of[OBJECTS_MAX];

static int
collect(const struct apex_object *object, void *context)
{
    struct seen *all = context;

    assert_true(all->count < OBJECTS_MAX);
    all->object[all->count++] = *object;
    return all->count == all->end_after;
}

static int
compare(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct apex_object *)a)->ptr;
    uintptr_t y = (uintptr_t)((const struct apex_object *)b)->ptr;
    return x < y ? -1 : x > y;
}

static void
look(void)
{
    seen.count = 0;
    assert_int_equal(apex_walk(collect, &seen), 0);
    qsort(seen.object, seen.count, sizeof seen.object[0], compare);
}

static const struct apex_object *
find(void *p)
{
    const struct apex_object key = {.ptr = p};
    return bsearch(&key, seen.object, seen.count, sizeof key, compare);
}

// All of live[first..count) are shown and nothing else is, but for `others` objects.
static void
check(unsigned count, unsigned others)
{
    unsigned found = 0;

    look();
    for (unsigned i = 0; i < count; i++) {
        if (live[i] == NULL) {
            continue;
        }
        const struct apex_object *object = find(live[i]);
        assert_non_null(object);
        assert_int_equal(object->usable_bytes, apex_malloc_usable_size(live[i]));
        assert_true(object->usable_bytes >= size_of[i]);
        assert_true(size_of[i] == 0 || object->granted_bytes >= object->usable_bytes);
        assert_int_equal(object->kind, size_of[i] == 0                ? APEX_OBJECT_EMPTY
                                       : size_of[i] > CHUNK_BYTES_MAX ? APEX_OBJECT_LARGE
                                                                      : APEX_OBJECT_CHUNK);
        if (object->kind == APEX_OBJECT_CHUNK) {
            assert_int_equal(object->granted_bytes, size_classes[object->size_class].chunk_bytes);
        }
        found++;
    }
    assert_int_equal(seen.count, found + others);
    for (unsigned i = 1; i < seen.count; i++) {
        assert_ptr_not_equal(seen.object[i].ptr, seen.object[i - 1].ptr);
    }
}

static void
make(unsigned i, size_t size)
{
    live[i] = apex_malloc(size);
    size_of[i] = size;
    assert_non_null(live[i]);
    memset(live[i], 0xff, size < 4096 ? size : 4096); // what it holds is no mark
}

static void
end(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        apex_free(live[i]);
        live[i] = NULL;
    }
}

static unsigned
others(void)
{
    look();
    return seen.count;
}

static void
test_every_class(void **state)
{
    unsigned before = others();
    unsigned count = 0;

    (void)state;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        for (unsigned i = 0; i < 5; i++) {
            make(count++, size_classes[c].chunk_bytes / 2 + 8 * i);
        }
    }
    check(count, before);
    for (unsigned i = 0; i < count; i += 2) {
        apex_free(live[i]);
        live[i] = NULL;
    }
    check(count, before);
    end(count);
    check(count, before);
}

static void
test_many(void **state)
{
    enum { COUNT = 100000 };
    unsigned before = others();

    (void)state;
    srand(4711);
    for (unsigned i = 0; i < COUNT; i++) {
        make(i, 1 + (unsigned)rand() % 300);
    }
    check(COUNT, before);
    for (unsigned i = 0; i < COUNT; i++) {
        if (rand() % 3 != 0) {
            apex_free(live[i]);
            live[i] = NULL;
        }
    }
    check(COUNT, before);
    apex_malloc_trim(0);
    check(COUNT, before);
    end(COUNT);
    check(COUNT, before);
}

static void
test_large_and_empty(void **state)
{
    unsigned before = others();

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        make(i, (size_t)(i + 1) << 20);
        make(20 + i, 0);
    }
    check(40, before);
    apex_free(live[4]);
    apex_free(live[24]);
    live[4] = live[24] = NULL;
    check(40, before);
    live[5] = apex_realloc(live[5], 90 << 20);
    size_of[5] = 90 << 20;
    check(40, before);
    end(40);
    check(40, before);
}

static void *
leave(void *argument)
{
    unsigned first = *(unsigned *)argument;

    for (unsigned i = first; i < first + 5000; i++) {
        make(i, 40);
    }
    return NULL;
}

// Objects of a thread that has ended, some freed by another.
static void
test_orphans(void **state)
{
    unsigned before = others();
    unsigned first = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, leave, &first), 0);
    pthread_join(thread, NULL);
    check(5000, before);
    for (unsigned i = 0; i < 5000; i += 3) {
        apex_free(live[i]); // waits in a batch of this thread, or in its block
        live[i] = NULL;
    }
    check(5000, before);
    end(5000);
    check(5000, before);
}

// Sampled objects begin inside their chunks; the walk shows them where the program sees them.
static void
test_sampled(void **state)
{
    enum { COUNT = 5000 };
    unsigned before = others();
    unsigned sampled = 0;
    size_t lead;

    (void)state;
    assert_true(config_tune("profile_rate", 4096));
    sampler_poll();
    heap_watch(heap_self.heap);
    for (unsigned i = 0; i < COUNT; i++) {
        size_t align = (size_t)16 << i % 6;
        size_of[i] = 1 + i * 7 % 5000;
        live[i] = apex_aligned_alloc(align, size_of[i]);
        assert_non_null(live[i]);
        memset(live[i], 0xff, size_of[i]);
        sampled += sampler_find(live[i], &lead);
    }
    assert_true(sampled > 100);
    check(COUNT, before);
    assert_true(config_tune("profile_rate", 0));
    sampler_poll();
    heap_watch(heap_self.heap);
    end(COUNT);
    check(0, before);
}

static void
test_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        make(i, 100);
    }
    make(500, 2 << 20);
    for (unsigned n = 1; n < 502; n += 50) {
        seen.count = 0;
        seen.end_after = n;
        errno = 4711;
        assert_int_equal(apex_walk(collect, &seen), 0);
        assert_int_equal(errno, 4711);
        assert_int_equal(seen.count, n);
    }
    seen.end_after = 0;
    end(501);
}

static int
free_it(const struct apex_object *object, void *context)
{
    unsigned *count = context;
    void *p = apex_malloc(300);

    assert_non_null(p);
    apex_free(p);
    if (object->usable_bytes >= 5000 && object->usable_bytes < 6000) {
        apex_free(object->ptr);
        ++*count;
        apex_malloc_trim(0);
    }
    return 0;
}

// The function may use the heap, and free what it is shown.
static void
test_free_meanwhile(void **state)
{
    unsigned count = 0;
    unsigned before = others();

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        make(i, 5000);
        live[i] = NULL;
    }
    assert_int_equal(apex_walk(free_it, &count), 0);
    assert_int_equal(count, 300);
    check(0, before);
    pool_audit();
    // The hold on superblocks is over.
    assert_int_equal(apex_ctl("trim", NULL, NULL, NULL, 0), 0);
    uint64_t retained = 1;
    size_t bytes = sizeof retained;
    assert_int_equal(apex_ctl("stats.retained", &retained, &bytes, NULL, 0), 0);
    assert_true(retained < 2 * SUPERBLOCK_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_class),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_large_and_empty),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_free_meanwhile),
    };

    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
