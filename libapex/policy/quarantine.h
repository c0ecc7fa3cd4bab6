// SPDX-License-Identifier: MIT
//
// Where freed chunks wait before they can be allocated again (hardened profile): a dangling pointer
// then leads to zeroes that belong to nobody, instead of to somebody else's object; and an attacker
// cannot tell which of the next allocations will get the place.
//
// A thread has a pen for each size class. A free puts its chunk into the pen, and while the pen is
// full takes another one out at random, which goes back to its block. An allocation is served from
// the pen while that is more than half full, by any chunk at random but the one that came last. So
// a chunk waits for at least one further free of its class, and for `floor` of them on average; and
// what is allocated and freed all the time never passes through a free list, whose links it would
// cost two checksums to write and to follow. (That a quarantine can be a cache as well is our own;
// pens of pointers are tcmalloc's.)
//
// What waits is bounded in number by the size of the pens, and in bytes: while it is more than the
// option `quarantine` says, chunks leave the pen that holds most, for policy/quarantine_global.h.
//
// Belongs to one thread. Chunks in it count as allocated, in their blocks and in the statistics;
// they may be anybody's.

#ifndef APEX_POLICY_QUARANTINE_H
#define APEX_POLICY_QUARANTINE_H

#include "base/rng.h"
#include "core/block.h"

#define PEN_SLOTS 31u
#define PEN_SLOTS_MIN 4u
#define PEN_BYTES (16u << 10) // and a pen holds no more than this, but PEN_SLOTS_MIN chunks
#define PEN_RUNS 2u           // of runs of their own

// A run of its own counts for this part of its size: more than one has to fit.
#define QUARANTINE_RUN_PART 4

struct pen {
    uint32_t weight; // of one chunk
    uint8_t count;
    uint8_t floor; // no more than so many: they serve nobody
    uint8_t capacity;
    struct chunk *slot[PEN_SLOTS]; // `count` of them; the last one came last
};

_Static_assert(sizeof(struct pen) == 256, "its address is a shift away");

struct quarantine {
    struct pen pen[PROFILE_QUARANTINE ? CLASS_COUNT : 1];
    uint32_t bytes;     // the sum of all weights
    uint32_t bytes_max; // the option `quarantine`, as it was when somebody last looked
    struct dice dice;
    bool serves; // the pens do
};

void quarantine_init(struct quarantine *q, struct rng *rng);

// Takes the bound from the option; and where there are several NUMA nodes, lets the pens serve
// nobody: what a thread frees may be of any node.
void quarantine_tune(struct quarantine *q);

// What a chunk of class `c` counts for, in bytes.
FAST uint32_t
quarantine_weight(unsigned c)
{
    uint32_t bytes = size_classes[c].chunk_bytes;
    return c < CLASS_RUN ? bytes : bytes / QUARANTINE_RUN_PART;
}

// A chunk of class `c` that has waited; NULL when too few wait.
FAST struct chunk *
quarantine_take(struct quarantine *q, unsigned c)
{
    struct pen *pen = &q->pen[c];

    if (unlikely(pen->count <= pen->floor)) {
        return NULL;
    }
    unsigned last = pen->count - 1u;
    struct chunk **slot = &pen->slot[dice_below(&q->dice, last)];
    struct chunk *out = *slot;
    *slot = pen->slot[last];
    pen->count = (uint8_t)last;
    q->bytes -= pen->weight;
    return out;
}

// Puts in a chunk of class `c`. Returns the one that has to leave for it; NULL when there is room.
FAST struct chunk *
quarantine_put(struct quarantine *q, unsigned c, struct chunk *chunk)
{
    struct pen *pen = &q->pen[c];
    unsigned count = pen->count;

    if (likely(count < pen->capacity)) {
        pen->slot[count] = chunk;
        pen->count = (uint8_t)(count + 1);
        q->bytes += pen->weight;
        return NULL;
    }
    struct chunk **slot = &pen->slot[dice_below(&q->dice, count)];
    struct chunk *out = *slot;
    *slot = pen->slot[count - 1];
    pen->slot[count - 1] = chunk;
    return out;
}

// While more than `bytes_max` wait: takes a chunk out and returns it. NULL when not.
struct chunk *quarantine_evict(struct quarantine *q, uint32_t bytes_max);

#endif
