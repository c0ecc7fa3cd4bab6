// SPDX-License-Identifier: MIT
//
// Two bytes are a call: which one, on which of eight places, and how large. Beside the pool it
// keeps what must be true of it: for each place where its object is, how long, and that it is full
// of a mark of its own.

#include "target.h"

#include "pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { POOL_BYTES = 2048, PLACES = 8 };

static _Alignas(16) char memory[POOL_BYTES];
static struct pool pool;
static struct place {
    unsigned char *object;
    size_t bytes;
    unsigned char mark;
} places[PLACES];

static void
target_require(bool truth, const char *why)
{
    if (!truth) {
        target_found(why);
    }
}

// Small ones, mostly; some that cannot be.
static size_t
target_bytes(unsigned char byte)
{
    static const size_t extreme[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 40, PTRDIFF_MAX,
                                     (size_t)PTRDIFF_MAX + 1, POOL_BYTES, POOL_BYTES - 16, 0};

    return byte < 248 ? byte : extreme[byte - 248];
}

static void
target_check(const struct place *place, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        target_require(place->object[i] == place->mark, "an object has changed");
    }
}

// Asked of every result, before anything is written to it.
static void
target_enter(struct place *place, void *object, size_t bytes)
{
    uintptr_t from = (uintptr_t)object, start = (uintptr_t)memory;

    target_require(from % 16 == 0, "an object is not aligned");
    target_require(bytes <= POOL_BYTES && from >= start && from + bytes <= start + POOL_BYTES,
                   "an object is not in the pool");
    place->object = object;
    place->bytes = bytes;
}

static void
target_take(struct place *place, size_t bytes)
{
    void *object = pool_take(&pool, bytes);

    if (object != NULL) {
        target_enter(place, object, bytes);
        memset(object, place->mark, bytes);
    }
}

static void
target_give(struct place *place)
{
    target_check(place, place->bytes);
    memset(place->object, 0xff, place->bytes);
    pool_give(&pool, place->object);
    place->object = NULL;
}

static void
target_resize(struct place *place, size_t bytes)
{
    void *object = pool_resize(&pool, place->object, bytes);

    if (object != NULL) {
        size_t kept = place->bytes < bytes ? place->bytes : bytes;
        target_enter(place, object, bytes);
        target_check(place, kept);
        memset(place->object, place->mark, bytes);
    }
}

void
target(const unsigned char *data, size_t bytes)
{
    memset(memory, 0, sizeof memory); // what was there before may matter to a pool that is wrong
    pool_init(&pool, memory, sizeof memory);
    for (size_t i = 0; i < PLACES; i++) {
        places[i] = (struct place){.mark = (unsigned char)(i + 1)};
    }
    for (size_t i = 0; i + 1 < bytes; i += 2) {
        struct place *place = &places[data[i] % PLACES];
        if (place->object == NULL) {
            target_take(place, target_bytes(data[i + 1]));
        } else if (data[i] & PLACES) {
            target_resize(place, target_bytes(data[i + 1]));
        } else {
            target_give(place);
        }
    }
    for (size_t i = 0; i < PLACES; i++) {
        if (places[i].object != NULL) {
            target_give(&places[i]);
        }
    }
    target_require(pool_take(&pool, POOL_BYTES - POOL_HEADER) != NULL || bytes < 2,
                   "an empty pool is not in one piece");
}
