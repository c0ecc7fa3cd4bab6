// SPDX-License-Identifier: MIT
//
// The table of waiting chunks. Owner only.

#include "policy/quarantine.h"

#define SLOT_BITS 6

_Static_assert(QUARANTINE_SLOTS <= 1u << SLOT_BITS, "a slot is chosen by so many bits");

void
quarantine_init(struct quarantine *q)
{
    *q = (struct quarantine){0};
}

// One random number chooses ten slots.
static unsigned
quarantine_choose(struct quarantine *q, struct rng *rng)
{
    if (q->random < QUARANTINE_SLOTS) {
        q->random = rng_next(rng) | UINT64_C(1) << 63;
    }
    unsigned slot = (unsigned)(q->random % QUARANTINE_SLOTS);
    q->random >>= SLOT_BITS;
    return slot;
}

static uint32_t
quarantine_bytes(const struct chunk *chunk)
{
    const struct block *b = block_head(geometry_descriptor(chunk));
    return b->chunk_bytes;
}

struct chunk *
quarantine_exchange(struct quarantine *q, const struct block *b, struct chunk *chunk,
                    struct rng *rng)
{
    unsigned slot = quarantine_choose(q, rng);
    struct chunk *out = q->slot[slot];

    q->slot[slot] = chunk;
    q->bytes += b->chunk_bytes;
    if (out != NULL) {
        q->bytes -= quarantine_bytes(out);
    }
    return out;
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
        uint32_t bytes = q->slot[i] == NULL ? 0 : quarantine_bytes(q->slot[i]);
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
