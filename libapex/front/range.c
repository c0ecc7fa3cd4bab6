// SPDX-License-Identifier: MIT
//
// Ranges that are not in a live chunk at first sight.

#include "front/range.h"

#include "core/empty.h"
#include "core/large.h"

static bool
range_fault(enum fault fault, const void *address, size_t class_bytes)
{
    fault_raise(fault, address, class_bytes);
    return false;
}

static bool
range_look_chunk(const void *p, size_t size)
{
    struct range_place place = range_chunk(p);
    const struct block *b = place.block;
    const struct chunk *chunk = place.chunk;

    if (b == NULL) {
        return range_fault(FAULT_USE_AFTER_FREE, p, 0);
    }
    const char *object = (const char *)chunk + HEADER_BYTES;
    if (freelist_may_be_free(chunk, b->class, &b->key)) {
        if (freelist_is_free(chunk, b->key)) {
            return range_fault(FAULT_USE_AFTER_FREE, object, b->stride);
        }
        if (PROFILE_HEADER) {
            return range_fault(FAULT_CORRUPT_HEADER, object, b->stride);
        }
    }
    return range_in_object(b, chunk, p, size) ||
           range_fault(FAULT_OUT_OF_BOUNDS, object, b->stride);
}

// Behind the last page of a mapping there may be others that are the program's own, up to the next
// multiple of 4 MiB; and while it is resized, even there.
static bool
range_look_large(const void *p, size_t size)
{
    const struct large *large = large_find(registry_large_start(p));
    uint32_t state = large == NULL ? LARGE_BUSY : load_relaxed(&large->state);

    if (state == LARGE_BUSY || state == LARGE_SPARE) {
        return true;
    }
    size_t at = (uintptr_t)p - (uintptr_t)large->base;
    size_t bytes = PROFILE_HEADER ? large->size : large->usable_bytes;
    if (at >= large->usable_bytes) {
        return true;
    }
    if (state != LARGE_LIVE) {
        return range_fault(FAULT_USE_AFTER_FREE, large->base, 0);
    }
    return (at < bytes && size <= bytes - at) || range_fault(FAULT_OUT_OF_BOUNDS, large->base, 0);
}

// 1 or 0, as range_check.
APART int
range_look(const void *p, size_t size)
{
    switch (registry_kind_of(p)) {
    case REGISTRY_SUPERBLOCK:
        return range_look_chunk(p, size);
    case REGISTRY_LARGE:
    case REGISTRY_LARGE_REST:
        return range_look_large(p, size);
    case REGISTRY_EMPTY:
        return range_fault(empty_kind(p) >= 0 ? FAULT_OUT_OF_BOUNDS : FAULT_USE_AFTER_FREE, p, 0);
    default:
        return true;
    }
}
