// SPDX-License-Identifier: MIT
//
// The closer look at an address that is not a live chunk at first sight.

#include "front/place.h"

#include "core/superblock.h"
#include "policy/sampler.h"

static struct place
place_fault(enum fault fault, const void *p, size_t class_bytes)
{
    fault_raise(fault, p, class_bytes);
    return (struct place){.kind = PLACE_NOWHERE};
}

static struct place
place_large(const void *p)
{
    struct large *large = large_find(p);

    if (large == NULL) {
        bool aligned = (uintptr_t)p % ALIGN_BYTES == 0;
        return place_fault(aligned ? FAULT_INTERIOR_FREE : FAULT_MISALIGNED_FREE, p, 0);
    }
    if (load_relaxed(&large->state) != LARGE_LIVE) {
        return place_fault(FAULT_DOUBLE_FREE, p, 0);
    }
    return (struct place){
        .kind = PLACE_LARGE, .large = large, .usable_bytes = large->usable_bytes};
}

// Which fault it is when no chunk starts at `p`.
static enum fault
place_not_a_start(const struct block *b, const void *p)
{
    if ((uintptr_t)p % ALIGN_BYTES != 0) {
        return FAULT_MISALIGNED_FREE;
    }
    uint64_t carved_bytes = load_relaxed(&b->carved) * b->chunk_bytes;
    bool beyond = (uintptr_t)p - (uintptr_t)b->base >= carved_bytes;
    return beyond ? FAULT_UNALLOCATED_FREE : FAULT_INTERIOR_FREE;
}

// True if `p`, where no chunk starts at the moment, carries the mark of a free one. The mark is
// looked for only where chunks of this block can start: elsewhere there may be nothing to read.
static bool
place_was_freed(const struct block *b, const void *p)
{
    const struct chunk *chunk = chunk_of(p);

    return block_chunk_index(b, chunk) < b->capacity && freelist_is_free(chunk, b->key);
}

// True if a chunk that was freed starts at `p`, or started there when the block was in use.
static bool
place_is_freed(const struct block *b, const void *p)
{
    const struct chunk *chunk = chunk_of(p);

    if (block_state(b) == BLOCK_UNUSED) {
        const struct block *head = b - b->head_distance;
        return block_starts_chunk(head, chunk) || block_is_only(head, chunk);
    }
    // A chunk that was freed before its block fell empty still carries the mark.
    return place_was_freed(b, p) || (!block_starts_chunk(b, chunk) && block_is_only(b, chunk));
}

// The same for a sampled object, which has no more than its address left.
static bool
place_is_freed_sampled(const struct block *b, const void *p)
{
    return sampler_is_used() && place_is_freed(b, (const char *)p - SAMPLER_LEAD_BYTES);
}

// No chunk starts at `p`, but a sampled object may.
static bool
place_sampled(const void *p, struct place *place)
{
    size_t lead;

    if (!sampler_is_used() || !sampler_find(p, &lead) || lead == 0) {
        return false;
    }
    struct block *b = place_live_block((const char *)p - lead);
    if (b == NULL) {
        *place = place_fault(FAULT_DOUBLE_FREE, p, 0); // its chunk was freed by a wrong address
        return true;
    }
    *place = (struct place){.kind = PLACE_SAMPLED,
                            .block = b,
                            .usable_bytes = b->chunk_bytes - lead,
                            .lead_bytes = lead};
    return true;
}

static struct place
place_in_superblock(const void *p)
{
    if (geometry_block_index(p) == 0) {
        return place_fault(FAULT_UNALLOCATED_FREE, p, 0); // the descriptors
    }
    struct block *b = block_head(geometry_descriptor(p));
    const struct chunk *chunk = chunk_of(p);
    struct place sampled;

    if (block_state(b) == BLOCK_UNUSED) {
        // It was an object once if a chunk started there; the block is back in the pool.
        bool start = place_is_freed(b, p) || place_is_freed_sampled(b, p);
        return place_fault(start ? FAULT_DOUBLE_FREE : FAULT_UNALLOCATED_FREE, p, 0);
    }
    if (!place_starts_chunk(b, p)) {
        if (place_sampled(p, &sampled)) {
            return sampled;
        }
        if (place_is_freed(b, p) || place_is_freed_sampled(b, p)) {
            return place_fault(FAULT_DOUBLE_FREE, p, b->chunk_bytes);
        }
        return place_fault(place_not_a_start(b, p), p, b->chunk_bytes);
    }
    if (freelist_may_be_free(chunk, b->class, &b->key)) {
        if (freelist_is_free(chunk, b->key)) {
            return place_fault(FAULT_DOUBLE_FREE, p, b->chunk_bytes);
        }
        if (PROFILE_HEADER) {
            return place_fault(FAULT_CORRUPT_HEADER, p, b->chunk_bytes);
        }
    }
    return (struct place){.kind = PLACE_CHUNK, .block = b, .usable_bytes = b->chunk_bytes};
}

static struct place
place_empty(const void *p)
{
    if (empty_kind(p) >= 0) {
        return (struct place){.kind = PLACE_EMPTY};
    }
    bool aligned = (uintptr_t)p % ALIGN_BYTES == 0;
    return place_fault(aligned ? FAULT_DOUBLE_FREE : FAULT_MISALIGNED_FREE, p, 0);
}

struct place
place_of(const void *p)
{
    if (!registry_covers(p)) {
        return place_fault(FAULT_FOREIGN_FREE, p, 0);
    }
    switch (registry_kind_of(p)) {
    case REGISTRY_SUPERBLOCK:
        return place_in_superblock(p);
    case REGISTRY_LARGE:
    case REGISTRY_LARGE_REST:
        return place_large(p);
    case REGISTRY_EMPTY:
        return place_empty(p);
    default:
        return place_fault(FAULT_FOREIGN_FREE, p, 0);
    }
}
