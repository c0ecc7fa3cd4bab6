// SPDX-License-Identifier: MIT
//
// The table of waiting chunks. Owner only.

#include "policy/quarantine.h"

_Static_assert(QUARANTINE_SLOTS <= 1u << QUARANTINE_SLOT_BITS, "a slot is chosen by so many");

void
quarantine_init(struct quarantine *q)
{
    *q = (struct quarantine){0};
}

static uint32_t
quarantine_slot_bytes(const struct chunk *chunk)
{
    return chunk == NULL ? 0 : quarantine_bytes(block_head(geometry_descriptor(chunk)));
}

struct chunk *
quarantine_evict(struct quarantine *q, uint32_t bytes_max)
{
    // The largest: it makes the most room, and the others stay longer for it.
    unsigned largest = 0;
    uint32_t most = 0;

    if (likely(q->bytes <= bytes_max)) {
        return NULL;
    }
    for (unsigned i = 0; i < QUARANTINE_SLOTS; i++) {
        uint32_t bytes = quarantine_slot_bytes(q->slot[i]);
        if (bytes > most) {
            most = bytes;
            largest = i;
        }
    }
    struct chunk *out = q->slot[largest];
    q->slot[largest] = NULL;
    q->bytes -= most;
    return out;
}
