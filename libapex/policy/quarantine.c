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

struct chunk *
quarantine_evict(struct quarantine *q, uint32_t bytes_max)
{
    // The largest: it makes the most room, and the others stay longer for it.
    unsigned largest = 0;

    if (likely(q->bytes <= bytes_max)) {
        return NULL;
    }
    for (unsigned i = 1; i < QUARANTINE_SLOTS; i++) {
        if (q->slot_bytes[i] > q->slot_bytes[largest]) {
            largest = i;
        }
    }
    struct chunk *out = q->slot[largest];
    q->slot[largest] = NULL;
    q->bytes -= q->slot_bytes[largest];
    q->slot_bytes[largest] = 0;
    return out;
}
