// SPDX-License-Identifier: MIT
//
// What sealing and opening objects costs when it is not the usual case. The chunk belongs to the
// calling thread.

#include "core/seal.h"

_Static_assert(CHUNK_BYTES_MAX < 1u << (32 - HEADER_VALUE_SHIFT), "a size fits into a header");
_Static_assert(CLASS_COUNT <= HEADER_CLASS_MASK + 1, "and so does a class");
_Static_assert(SEAL_KINDS <= HEADER_KIND_MASK + 1, "and a kind");

void
seal_open(struct chunk *chunk)
{
    if (PROFILE_ZERO) {
        wipe(chunk_object(chunk), seal_size(chunk) + CANARY_BYTES);
    }
    chunk->header = CHUNK_QUARANTINED;
}

static void
seal_accuse_dirty(struct chunk *chunk, unsigned c)
{
    size_t bytes = size_classes[c].chunk_bytes;

    fault_raise(FAULT_WRITE_AFTER_FREE, chunk_object(chunk), bytes);
    wipe(chunk_object(chunk), bytes - HEADER_BYTES); // reported only
}

void *
seal_close_rest(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind)
{
    // Not what an overwritten header says.
    enum chunk_memory memory = freelist_memory(chunk, b->key);
    bool trusted = memory == MEMORY_ZERO && b->chunk_bytes > FRESH_BYTES_MAX;

    if (PROFILE_ZERO && memory == MEMORY_WIPE) {
        wipe(chunk_object(chunk), b->chunk_bytes - HEADER_BYTES);
    } else if (!trusted && !seal_is_clean(chunk, b->size_class)) {
        seal_accuse_dirty(chunk, b->size_class);
    }
    return seal_close_ready(chunk, b->size_class, size, kind);
}

void *
seal_reuse_rest(struct chunk *chunk, unsigned c, size_t size, enum seal_kind kind)
{
    if (!seal_is_quarantined(chunk)) {
        seal_accuse_quarantined(block_head(geometry_descriptor(chunk)), chunk);
        return NULL;
    }
    seal_accuse_dirty(chunk, c);
    return seal_close_ready(chunk, c, size, kind);
}

bool
seal_claim_holds(struct seal_claim claim, enum seal_kind kind_was, size_t size_was,
                 const void *object, size_t class_bytes)
{
    if (PROFILE_TYPES && unlikely(claim.kind != kind_was)) {
        fault_raise(FAULT_KIND_MISMATCH, object, class_bytes);
        return false;
    }
    if (PROFILE_TYPES && unlikely(claim.size != SEAL_ANY_SIZE) && claim.size != size_was) {
        fault_raise(FAULT_SIZE_MISMATCH, object, class_bytes);
        return false;
    }
    return true;
}

SLOW void
seal_accuse(const struct block *b, struct chunk *chunk, struct seal_claim claim)
{
    void *object = chunk_object(chunk);

    if (seal_claim_holds(claim, seal_kind_of(chunk), seal_size(chunk), object, b->chunk_bytes)) {
        fault_raise(FAULT_OVERFLOW, object, b->chunk_bytes);
    }
}

SLOW void
seal_accuse_quarantined(const struct block *b, const struct chunk *chunk)
{
    // A second free, by another thread in the same moment, leaves another state.
    struct mac mac;
    bool freed = header_is_live(chunk, chunk->header, b->size_class, &mac) ||
                 (header_state(chunk->header) == CHUNK_FREE &&
                  header_is_sound(chunk, chunk->header, b->key));
    fault_raise(freed ? FAULT_DOUBLE_FREE : FAULT_CORRUPT_HEADER,
                (const char *)chunk + HEADER_BYTES, b->chunk_bytes);
}

void
seal_resize(const struct block *b, struct chunk *chunk, size_t size)
{
    char *object = chunk_object(chunk);
    size_t old_size = seal_size(chunk);

    // What the object loses is zeroed like a freed one, with the old canary.
    size_t kept = size < old_size ? size : old_size;
    if (PROFILE_ZERO) {
        wipe(object + kept, old_size + CANARY_BYTES - kept);
    }
    seal_close_ready(chunk, b->size_class, size, seal_kind_of(chunk));
}
