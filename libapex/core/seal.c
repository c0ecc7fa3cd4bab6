// SPDX-License-Identifier: MIT
//
// What sealing and opening objects costs when it is not the usual case. The chunk belongs to the
// calling thread.

#include "core/seal.h"

#include "core/guard.h"
#include "os/os.h"

_Static_assert(CHUNK_BYTES_MAX < 1u << (32 - HEADER_VALUE_SHIFT), "a size fits into a header");
_Static_assert(CLASS_COUNT <= HEADER_CLASS_MASK + 1, "and so does a class");
_Static_assert(SEAL_KINDS <= HEADER_KIND_MASK + 1, "and a kind");

// Whole pages of what is too long to be looked through are given back: that zeroes them as well,
// and does not touch those that the program never touched.
void
seal_zero(char *at, size_t bytes)
{
    if (bytes > LOOK_BYTES_MAX) {
        size_t page = os_page_bytes();
        char *first = (char *)(((uintptr_t)at + page - 1) & ~(page - 1));
        char *end = (char *)((uintptr_t)(at + bytes) & ~(page - 1));
        if (os_purge(first, (size_t)(end - first)) == 0) {
            memset(at, 0, (size_t)(first - at));
            memset(end, 0, (size_t)(at + bytes - end));
            return;
        }
    }
    memset(at, 0, bytes);
}

void
seal_open(const struct block *b, struct chunk *chunk)
{
    size_t bytes = seal_size(chunk) + CANARY_BYTES;

    chunk->header = CHUNK_QUARANTINED;
    if (b->size_class >= CLASS_RUN && guard_hide(b)) {
        return;
    }
    if (PROFILE_ZERO) {
        seal_zero(chunk_object(chunk), bytes);
    }
}

// Makes the memory of a free chunk read as zero, if it does not, and accessible.
static void
seal_prepare(const struct block *b, struct chunk *chunk)
{
    // Not what an overwritten header says.
    enum chunk_memory memory = freelist_memory(chunk, b->key);
    char *object = chunk_object(chunk);
    size_t bytes = b->chunk_bytes - HEADER_BYTES;

    // A run of its own was hidden when it was last freed, and then reads as zero.
    if (PROFILE_GUARD && b->size_class >= CLASS_RUN && !guard_show(b) && memory == MEMORY_LOOK) {
        memory = MEMORY_WIPE;
    }
    if (!PROFILE_ZERO || memory == MEMORY_ZERO) {
        return;
    }
    if (memory == MEMORY_LOOK && bytes <= LOOK_BYTES_MAX) {
        fault_raise(FAULT_WRITE_AFTER_FREE, object, b->chunk_bytes);
        memory = MEMORY_WIPE; // reported only
    }
    if (memory == MEMORY_WIPE) {
        seal_zero(object, bytes);
    }
}

void *
seal_close_rest(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind)
{
    seal_prepare(b, chunk);
    return seal_close_ready(b, chunk, size, kind);
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
    bool overwritten = header_state(chunk->header) == CHUNK_QUARANTINED ||
                       !header_is_sound(chunk, chunk->header, b->key);
    fault_raise(overwritten ? FAULT_CORRUPT_HEADER : FAULT_DOUBLE_FREE,
                (const char *)chunk + HEADER_BYTES, b->chunk_bytes);
}

bool
seal_resize(const struct block *b, struct chunk *chunk, size_t size)
{
    char *object = chunk_object(chunk);
    size_t old_size = seal_size(chunk);

    if (PROFILE_CANARY && unlikely(!seal_canary_intact(object, old_size, b->key))) {
        fault_raise(FAULT_OVERFLOW, object, b->chunk_bytes);
        return false;
    }
    // What the object loses is zeroed like a freed one, with the old canary.
    size_t kept = size < old_size ? size : old_size;
    if (PROFILE_ZERO) {
        seal_zero(object + kept, old_size + CANARY_BYTES - kept);
    }
    if (PROFILE_CANARY) {
        seal_canary_put(object, size, b->key);
    }
    seal_sign(b, chunk, seal_kind_of(chunk), size);
    return true;
}
