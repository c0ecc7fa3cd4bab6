// SPDX-License-Identifier: MIT
//
// A bag of chunks, and what they weigh together.

#include "policy/quarantine_global.h"

#include "os/lock.h"
#include "policy/config.h"

static struct lock bag_lock = LOCK_INIT(LOCK_RANK_QUARANTINE);

static struct {
    uint32_t count;
    uint32_t bytes; // the sum of their weights
    struct chunk *slot[QUARANTINE_GLOBAL_SLOTS];
} bag;

static uint32_t
bag_weight(const struct chunk *chunk)
{
    return quarantine_weight(block_head(geometry_descriptor(chunk))->size_class);
}

static struct chunk *
bag_draw(struct rng *rng)
{
    struct chunk **slot = &bag.slot[(rng_next(rng) >> 32) * bag.count >> 32];
    struct chunk *out = *slot;

    *slot = bag.slot[--bag.count];
    bag.bytes -= bag_weight(out);
    return out;
}

struct chunk *
quarantine_global_put(struct chunk *chunk, struct rng *rng)
{
    struct chunk *out = NULL;

    lock_acquire(&bag_lock);
    bool full = chunk != NULL && bag.count == QUARANTINE_GLOBAL_SLOTS;
    uint64_t bytes_max = QUARANTINE_GLOBAL_SHARE * config_value(quarantine);
    if (full || bag.bytes > bytes_max) {
        out = bag_draw(rng);
    }
    if (chunk != NULL) {
        bag.slot[bag.count++] = chunk;
        bag.bytes += bag_weight(chunk);
    }
    lock_release(&bag_lock);
    return out;
}

struct chunk *
quarantine_global_take(struct rng *rng)
{
    struct chunk *out = NULL;

    lock_acquire(&bag_lock);
    if (bag.count > 0) {
        out = bag_draw(rng);
    }
    lock_release(&bag_lock);
    return out;
}

void
quarantine_global_fork_prepare(void)
{
    lock_acquire(&bag_lock);
}

void
quarantine_global_fork_parent(void)
{
    lock_release(&bag_lock);
}

void
quarantine_global_fork_child(void)
{
    lock_renew(&bag_lock);
}
