// SPDX-License-Identifier: MIT
//
// What stands in a chunk that is not live.

#ifndef TINY_CHUNK_H
#define TINY_CHUNK_H

#include "secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A chunk that is not live has the list's link in it, and a mark. Whoever writes over the link does
// not know the key: what comes out is not the address that he wants.
struct chunk {
    uintptr_t hidden_next;
    uintptr_t mark;
};

// The link, hidden by the key and by its own place, so that the same link looks different
// elsewhere.
static inline uintptr_t
chunk_hide(const struct chunk *chunk, uintptr_t link)
{
    // BEGIN STEP 1: return link;
    return link ^ secret_key ^ ((uintptr_t)chunk >> 12);
    // END STEP 1
}

static inline struct chunk *
chunk_next(const struct chunk *chunk)
{
    return (struct chunk *)chunk_hide(chunk, chunk->hidden_next);
}

static inline void
chunk_set_next(struct chunk *chunk, const struct chunk *next)
{
    chunk->hidden_next = chunk_hide(chunk, (uintptr_t)next);
}

static inline bool
chunk_is_marked(const struct chunk *chunk)
{
    return chunk->mark == (~secret_key ^ (uintptr_t)chunk);
}

static inline void
chunk_set_mark(struct chunk *chunk, bool marked)
{
    chunk->mark = marked ? ~secret_key ^ (uintptr_t)chunk : 0;
}

#endif
