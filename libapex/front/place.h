// SPDX-License-Identifier: MIT
//
// Where an address leads: to a chunk, to a large object, or nowhere, and then which fault it is to
// free it. Any thread.

#ifndef APEX_FRONT_PLACE_H
#define APEX_FRONT_PLACE_H

#include "core/block.h"
#include "core/empty.h"
#include "core/large.h"
#include "core/registry.h"

#include <stdbool.h>
#include <stddef.h>

enum place_kind { PLACE_NOWHERE, PLACE_CHUNK, PLACE_SAMPLED, PLACE_LARGE, PLACE_EMPTY };

// A live object, or PLACE_NOWHERE after the fault has been raised.
struct place {
    enum place_kind kind;
    struct block *block; // PLACE_CHUNK, PLACE_SAMPLED
    struct large *large; // PLACE_LARGE
    size_t usable_bytes; // of the chunk or mapping as a whole
    size_t lead_bytes;   // PLACE_SAMPLED: how far in the chunk the object begins
};

// `p` is not NULL. Raises the fault when no live object starts there.
struct place place_of(const void *p);

// True if a chunk of `b` starts where the program sees `p`, and has been handed out before. A block
// without an owner is in the pool.
FAST bool
place_starts_chunk(const struct block *b, const void *p)
{
    // Pairs with the release in block_init: who sees the owner sees where its chunks start.
    return load_acquire(&b->owner) != NULL && block_starts_chunk(b, chunk_of(p));
}

// The block in which such a chunk starts; NULL when none does.
FAST struct block *
place_block(const void *p)
{
    if (unlikely(registry_kind_of(p) != REGISTRY_SUPERBLOCK) ||
        unlikely(geometry_block_index(p) == 0)) {
        return NULL;
    }
    struct block *b = block_head(geometry_descriptor(p));
    return likely(place_starts_chunk(b, p)) ? b : NULL;
}

// The same if the chunk is live at first sight: the checks are those of free_fast. NULL: place_of()
// has to look closer.
FAST struct block *
place_live_block(const void *p)
{
    struct block *b = place_block(p);
    bool live = likely(b != NULL) && likely(!freelist_may_be_free(chunk_of(p), b->class, &b->key));
    return live ? b : NULL;
}

#endif
