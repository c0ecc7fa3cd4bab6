// SPDX-License-Identifier: MIT
//
// The known objects are a set of addresses. An address says nothing of the object that lies there
// later: so whoever frees a known one takes it out of the set, which is why free and its relatives
// pass through here.
//
// Invariants
//   L1  While no thread is in free, each address in the set is of an object that was live at the
//       mark and has been live ever since.
//   L2  Memory for the set and for reports is not of the heap that is looked at.

#include "leak.h"

#include <apex.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

// By open addressing. The size is a power of two, twice the number of objects at least, so there is
// always an empty slot at which a search ends.
static uintptr_t *leak_known;
static size_t leak_slots;

static void *
leak_map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        abort();
    }
    return p;
}

// The slot of `p`, or the empty one where it would be.
static uintptr_t *
leak_slot(const void *p)
{
    size_t at = (size_t)(((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15 >> 20) & (leak_slots - 1);

    for (;;) {
        uintptr_t there = __atomic_load_n(&leak_known[at], __ATOMIC_RELAXED);
        if (there == 0 || there == (uintptr_t)p) {
            return &leak_known[at];
        }
        at = (at + 1) & (leak_slots - 1);
    }
}

// Another thread may search past this slot: it becomes 1, which is no object's address, not empty.
// Whether the object is freed before or after does not matter: who gets its address in between adds
// nothing to the set.
static void
leak_forget(const void *p)
{
    if (leak_known != NULL && p != NULL && *leak_slot(p) == (uintptr_t)p) {
        __atomic_store_n(leak_slot(p), 1, __ATOMIC_RELAXED);
    }
}

static int
leak_count(const struct apex_object *object, void *count)
{
    (void)object;
    ++*(size_t *)count;
    return 0;
}

static int
leak_add(const struct apex_object *object, void *context)
{
    (void)context;
    *leak_slot(object->ptr) = (uintptr_t)object->ptr;
    return 0;
}

void
leak_mark(void)
{
    size_t count = 0;

    if (leak_known != NULL) {
        munmap(leak_known, leak_slots * sizeof *leak_known);
    }
    apex_walk(leak_count, &count);
    leak_slots = 1024;
    while (leak_slots < 2 * count) {
        leak_slots *= 2;
    }
    leak_known = leak_map(leak_slots * sizeof *leak_known);
    apex_walk(leak_add, NULL);
}

// --- The report ---

struct leak_lost {
    size_t bytes, count; // of one size; first one for each object
};

struct leak_list {
    struct leak_lost *lost; // NULL: they are counted only
    size_t count;
};

static int
leak_list(const struct apex_object *object, void *context)
{
    struct leak_list *list = context;

    if (leak_known != NULL && *leak_slot(object->ptr) != 0) {
        return 0;
    }
    if (list->lost != NULL) {
        list->lost[list->count] = (struct leak_lost){object->usable_bytes, 1};
    }
    list->count++;
    return 0;
}

static int
leak_by_size(const void *a, const void *b)
{
    size_t x = ((const struct leak_lost *)a)->bytes, y = ((const struct leak_lost *)b)->bytes;

    return (x < y) - (x > y);
}

static int
leak_by_loss(const void *a, const void *b)
{
    const struct leak_lost *x = a, *y = b;
    size_t x_bytes = x->bytes * x->count, y_bytes = y->bytes * y->count;

    return x_bytes == y_bytes ? leak_by_size(a, b) : x_bytes < y_bytes ? 1 : -1;
}

// Joins neighbours of one size; returns how many sizes there are.
static size_t
leak_join(struct leak_lost *lost, size_t count)
{
    size_t sizes = 0;

    for (size_t i = 0; i < count; i++) {
        if (sizes > 0 && lost[sizes - 1].bytes == lost[i].bytes) {
            lost[sizes - 1].count++;
        } else {
            lost[sizes++] = lost[i];
        }
    }
    return sizes;
}

size_t
leak_report(leak_row *row, void *context)
{
    struct leak_list list = {NULL, 0};

    apex_walk(leak_list, &list);
    size_t bytes = (list.count + 1) * sizeof *list.lost;
    list = (struct leak_list){leak_map(bytes), 0};
    apex_walk(leak_list, &list);
    qsort(list.lost, list.count, sizeof *list.lost, leak_by_size);
    size_t sizes = leak_join(list.lost, list.count);
    qsort(list.lost, sizes, sizeof *list.lost, leak_by_loss);
    for (size_t i = 0; i < sizes; i++) {
        row(list.lost[i].bytes, list.lost[i].count, context);
    }
    munmap(list.lost, bytes);
    return list.count;
}

// --- All ways out of life ---

EXPORT void
free(void *p)
{
    leak_forget(p);
    apex_free(p);
}

// An object that stays where it is stays known.
EXPORT void *
realloc(void *old, size_t bytes)
{
    void *p = apex_realloc(old, bytes);

    if (p != old && (p != NULL || bytes == 0)) {
        leak_forget(old);
    }
    return p;
}

EXPORT void *
reallocarray(void *old, size_t count, size_t bytes)
{
    void *p = apex_reallocarray(old, count, bytes);

    if (p != old && (p != NULL || count == 0 || bytes == 0)) {
        leak_forget(old);
    }
    return p;
}
