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

enum place_kind { PLACE_NOWHERE, PLACE_CHUNK, PLACE_LARGE, PLACE_EMPTY };

// A live object, or PLACE_NOWHERE after the fault has been raised.
struct place {
    enum place_kind kind;
    struct block *block; // PLACE_CHUNK
    struct large *large; // PLACE_LARGE
    size_t usable_bytes; // of the chunk or mapping as a whole
};

// `p` is not NULL. Raises the fault when no live object starts there.
struct place place_of(const void *p);

// The block of a chunk that is live at first sight: the checks are those of free_fast. A block
// without an owner is in the pool. NULL: place_of() has to look closer.
FAST struct block *
place_live_block(const void *p)
{
    if (unlikely(registry_kind_of(p) != REGISTRY_SUPERBLOCK) || geometry_block_index(p) == 0) {
        return NULL;
    }
    struct block *b = block_head(geometry_descriptor(p));
    const struct chunk *chunk = chunk_of(p);
    bool live = load_relaxed(&b->owner) != NULL && block_starts_chunk(b, chunk) &&
                !freelist_may_be_free(chunk, &b->key);
    return likely(live) ? b : NULL;
}

#endif
