// SPDX-License-Identifier: MIT
//
// The pens, and how much waits in all of them. Owner only.

#include "policy/quarantine.h"

#include "policy/config.h"
#include "policy/numa.h"

static void
pen_init(struct pen *pen, unsigned c)
{
    uint32_t fit = PEN_BYTES / size_classes[c].chunk_bytes;

    fit = fit < PEN_SLOTS_MIN ? PEN_SLOTS_MIN : fit > PEN_SLOTS ? PEN_SLOTS : fit;
    pen->capacity = (uint8_t)(c < CLASS_RUN ? fit : PEN_RUNS);
    pen->floor = pen->capacity / 2;
    pen->count = 0;
    pen->weight = quarantine_weight(c);
}

void
quarantine_init(struct quarantine *q, struct rng *rng)
{
    for (unsigned c = 0; PROFILE_QUARANTINE && c < CLASS_COUNT; c++) {
        pen_init(&q->pen[c], c);
    }
    q->bytes = 0;
    q->serves = true;
    quarantine_tune(q);
    dice_seed(&q->dice, rng);
}

void
quarantine_tune(struct quarantine *q)
{
    bool serves = load_relaxed(&numa_many) == 0;

    q->bytes_max = (uint32_t)config_value(quarantine);
    for (unsigned c = 0; PROFILE_QUARANTINE && serves != q->serves && c < CLASS_COUNT; c++) {
        q->pen[c].floor = q->pen[c].capacity / (serves ? 2 : 1);
    }
    q->serves = serves;
}

struct chunk *
quarantine_evict(struct quarantine *q, uint32_t bytes_max)
{
    struct pen *fullest = &q->pen[0];

    if (!PROFILE_QUARANTINE || likely(q->bytes <= bytes_max)) {
        return NULL;
    }
    for (unsigned c = 1; c < CLASS_COUNT; c++) {
        struct pen *pen = &q->pen[c];
        if (pen->count * pen->weight > fullest->count * fullest->weight) {
            fullest = pen;
        }
    }
    struct chunk **slot = &fullest->slot[dice_below(&q->dice, fullest->count)];
    struct chunk *out = *slot;
    *slot = fullest->slot[--fullest->count];
    q->bytes -= fullest->weight;
    return out;
}
