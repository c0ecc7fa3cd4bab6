// SPDX-License-Identifier: MIT
//
// Chunks from a block's list to its ration, and back.

#include "core/ration.h"

struct block *
ration_start(const struct block *b)
{
    struct block *ration = ration_of(b);

    ration->free = NULL;
    ration->credit = 0;
    ration->settled = 0;
    ration->pop_key = b->pop_key;
    return ration;
}

// The chunk `steps` behind `chunk`; NULL when the list ends before, or is broken.
static struct chunk *
ration_walk(const struct block *b, struct chunk *chunk, uint64_t steps)
{
    for (; steps > 0 && block_near(b, chunk); steps--) {
        chunk = freelist_next(chunk, b->pop_key);
    }
    return block_near(b, chunk) ? chunk : NULL;
}

uint32_t
ration_fill_part(struct block *b, uint32_t count)
{
    struct chunk *first = b->free;
    struct chunk *last = ration_walk(b, first, count - 1);

    if (last == NULL) {
        return 0;
    }
    struct chunk *rest = freelist_next(last, b->pop_key);
    freelist_set_next(last, NULL, b->pop_key);
    ration_fill_all(b, count);
    b->free = rest;
    return count;
}

uint32_t
ration_add(struct block *b, struct rng *rng)
{
    struct chunk *old = b->free;
    struct chunk *first = NULL;
    struct chunk *last = NULL;
    uint64_t carved = b->carved;

    b->free = NULL;
    while ((b->carved - carved) * b->chunk_bytes < RATION_BYTES_ADDED && block_carve(b, rng)) {
        if (last == NULL) {
            first = b->free;
        } else {
            freelist_set_next(last, b->free, b->pop_key);
        }
        // The last in memory is the last in the list, but in the hardened library.
        last = (struct chunk *)(void *)(b->base + (b->carved - 1) * b->chunk_bytes);
        b->free = NULL;
    }
    if (last == NULL) {
        b->free = old;
        return 0;
    }
    freelist_set_next(last, old, b->pop_key);
    b->free = first;
    return (uint32_t)(b->carved - carved);
}

bool
ration_recall(struct block *b, uint32_t *count)
{
    struct block *ration = ration_of(b);
    struct chunk *first = ration->free;
    struct chunk *last = NULL;
    struct chunk *chunk = first;

    *count = 0;
    for (; block_near(b, chunk) && *count < b->capacity; ++*count) {
        last = chunk;
        chunk = freelist_next(chunk, b->pop_key);
    }
    ration_start(b);
    if (chunk != NULL) {
        *count = 0;
        return false;
    }
    if (last != NULL) {
        freelist_set_next(last, b->free, b->pop_key);
        b->free = first;
        b->credit -= *count;
    }
    return true;
}
