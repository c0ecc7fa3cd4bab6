// SPDX-License-Identifier: MIT
//
// Where freed chunks wait before they can be allocated again (hardened profile): a dangling pointer
// then leads to zeroes that belong to nobody, instead of to somebody else's object; and an attacker
// cannot tell which of the next allocations will get the place.
//
// A thread's quarantine is a table. Each free puts its chunk into a slot chosen at random and takes
// out what was there; so a chunk stays for QUARANTINE_SLOTS further frees on average, and leaves
// with any given one of them with chance 1 in QUARANTINE_SLOTS. What waits is bounded in number and
// in bytes: while it is more than QUARANTINE_BYTES_MAX, the largest leave, and none takes their
// place.
//
// Belongs to one thread.
// Chunks in it count as allocated, in their blocks and in the statistics.

#ifndef APEX_POLICY_QUARANTINE_H
#define APEX_POLICY_QUARANTINE_H

#include "base/rng.h"
#include "core/block.h"

#define QUARANTINE_SLOTS (PROFILE_QUARANTINE ? 64u : 1u) // a power of two
#define QUARANTINE_SLOT_BITS 6
#define QUARANTINE_BYTES_MAX (256u << 10)

// A run of its own counts for this part of its size: more than one has to fit.
#define QUARANTINE_RUN_PART 4

struct quarantine {
    struct chunk *slot[QUARANTINE_SLOTS];  // NULL: empty
    uint32_t slot_bytes[QUARANTINE_SLOTS]; // what each counts for
    uint32_t bytes;                        // their sum
    uint64_t random; // bits that have not been used yet, above a 1
};

void quarantine_init(struct quarantine *q);

// Puts a chunk of `b` into a slot at random, and returns what was there. One random number chooses
// ten slots.
FAST struct chunk *
quarantine_exchange(struct quarantine *q, struct rng *rng, const struct block *b,
                    struct chunk *chunk)
{
    uint32_t part = b->size_class < CLASS_RUN ? 1 : QUARANTINE_RUN_PART;

    if (unlikely(q->random < QUARANTINE_SLOTS)) {
        q->random = rng_next(rng) | UINT64_C(1) << 63;
    }
    size_t i = q->random % QUARANTINE_SLOTS;
    q->random >>= QUARANTINE_SLOT_BITS;
    struct chunk *out = q->slot[i];
    q->slot[i] = chunk;
    q->bytes -= q->slot_bytes[i];
    q->slot_bytes[i] = b->chunk_bytes / part;
    q->bytes += q->slot_bytes[i];
    return out;
}

// While more than `bytes_max` wait: takes a chunk out and returns it. NULL when not.
struct chunk *quarantine_evict(struct quarantine *q, uint32_t bytes_max);

#endif
