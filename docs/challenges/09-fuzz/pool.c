// SPDX-License-Identifier: MIT
//
// A pool with boundary tags: each cell knows how long it is, and how long the one before it is.
// With POOL_BUG set to one of the numbers below it is wrong in one place.

#include "pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUG_SPLIT = 1, BUG_BEFORE, BUG_JOIN, BUG_COPY, BUG_WRAP };

#ifndef POOL_BUG
#define POOL_BUG 0
#endif

struct cell {
    uint64_t bytes : 63, used : 1; // with this header
    uint64_t before;               // bytes of the cell before, 0 for the first
};

_Static_assert(sizeof(struct cell) == POOL_HEADER, "objects are aligned to 16");

static struct cell *
pool_next(const struct pool *pool, struct cell *cell)
{
    char *next = (char *)cell + cell->bytes;

    if (cell->bytes < POOL_HEADER) {
        abort(); // or the walk would never end
    }
    return next < pool->end ? (struct cell *)(void *)next : NULL;
}

static struct cell *
pool_previous(struct cell *cell)
{
    return cell->before == 0 ? NULL : (struct cell *)(void *)((char *)cell - cell->before);
}

static struct cell *
pool_cell_of(void *object)
{
    return (struct cell *)object - 1;
}

// A cell gets another length, and the one behind it learns of that.
static void
pool_set_bytes(const struct pool *pool, struct cell *cell, size_t bytes)
{
    cell->bytes = bytes;
    struct cell *next = pool_next(pool, cell);
    if (next != NULL) {
        next->before = bytes;
    }
}

// Cuts what is above `bytes` off a cell, if that makes a cell with an object.
static void
pool_split(const struct pool *pool, struct cell *cell, size_t bytes)
{
    size_t rest = cell->bytes - bytes;

    if (rest < 2 * POOL_HEADER) {
        if (POOL_BUG == BUG_SPLIT) {
            cell->bytes = bytes;
        }
        return;
    }
    struct cell *cut = (struct cell *)(void *)((char *)cell + bytes);
    cell->bytes = bytes;
    *cut = (struct cell){.before = bytes};
    pool_set_bytes(pool, cut, rest);
    struct cell *next = pool_next(pool, cut);
    if (next != NULL && !next->used) {
        pool_set_bytes(pool, cut, rest + next->bytes);
    }
}

static bool
pool_cell_bytes(size_t bytes, size_t *result)
{
    *result = ((bytes + POOL_HEADER - 1) & ~(size_t)(POOL_HEADER - 1)) + POOL_HEADER;
    if (*result < 2 * POOL_HEADER) {
        *result = 2 * POOL_HEADER;
    }
    return POOL_BUG == BUG_WRAP || bytes <= PTRDIFF_MAX;
}

void
pool_init(struct pool *pool, void *memory, size_t bytes)
{
    *pool = (struct pool){memory, (char *)memory + bytes};
    *(struct cell *)memory = (struct cell){.bytes = bytes};
}

void *
pool_take(struct pool *pool, size_t bytes)
{
    struct cell *cell = (struct cell *)(void *)pool->start;
    size_t need;

    if (!pool_cell_bytes(bytes, &need)) {
        return NULL;
    }
    while (cell != NULL && (cell->used || cell->bytes < need)) {
        cell = pool_next(pool, cell);
    }
    if (cell == NULL) {
        return NULL;
    }
    cell->used = 1;
    pool_split(pool, cell, need);
    return cell + 1;
}

void
pool_give(struct pool *pool, void *object)
{
    struct cell *cell = pool_cell_of(object);
    struct cell *next = pool_next(pool, cell);
    struct cell *previous = pool_previous(cell);
    bool joins_previous = previous != NULL && !previous->used;

    cell->used = 0;
    if (next != NULL && !next->used && !(POOL_BUG == BUG_JOIN && joins_previous)) {
        pool_set_bytes(pool, cell, cell->bytes + next->bytes);
    }
    if (joins_previous) {
        pool_set_bytes(pool, previous, previous->bytes + cell->bytes);
    }
}

// Into the free cell behind, if it is long enough.
static bool
pool_grow(const struct pool *pool, struct cell *cell, size_t need)
{
    struct cell *next = pool_next(pool, cell);

    if (next == NULL || next->used || cell->bytes + next->bytes < need) {
        return false;
    }
    if (POOL_BUG == BUG_BEFORE) {
        cell->bytes += next->bytes;
    } else {
        pool_set_bytes(pool, cell, cell->bytes + next->bytes);
    }
    return true;
}

void *
pool_resize(struct pool *pool, void *object, size_t bytes)
{
    struct cell *cell = pool_cell_of(object);
    size_t need;

    if (!pool_cell_bytes(bytes, &need)) {
        return NULL;
    }
    if (need <= cell->bytes || pool_grow(pool, cell, need)) {
        pool_split(pool, cell, need);
        return object;
    }
    void *moved = pool_take(pool, bytes);
    if (moved != NULL) {
        size_t kept = cell->bytes - POOL_HEADER;
        memcpy(moved, object, POOL_BUG == BUG_COPY ? kept - POOL_HEADER : kept);
        pool_give(pool, object);
    }
    return moved;
}
