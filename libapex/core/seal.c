// SPDX-License-Identifier: MIT
//
// Header, canary, zeroes. The chunk belongs to the calling thread.

#include "core/seal.h"

#include "core/guard.h"
#include "os/os.h"

#include <string.h>

typedef uint64_t look_vector __attribute__((vector_size(16), may_alias));

static void
seal_sign(const struct block *b, struct chunk *chunk, enum chunk_state state, enum seal_kind kind,
          size_t size)
{
    uint32_t fields = (uint32_t)state | (uint32_t)kind << HEADER_KIND_SHIFT |
                      (uint32_t)b->size_class << HEADER_CLASS_SHIFT |
                      (uint32_t)size << HEADER_VALUE_SHIFT;
    chunk->header = header_sign(chunk, fields, b->key);
}

// --- Canary --------------------------------------------------------------------------------------

// Its first byte is never 0: the overflow met most often is a terminating zero.
static uint64_t
seal_canary(const void *object, uint64_t salt)
{
    return ((uintptr_t)object ^ salt ^ mac_secret.canary) | 1;
}

void
seal_canary_put(void *object, size_t size, uint64_t salt)
{
    uint64_t canary = seal_canary(object, salt);
    memcpy((char *)object + size, &canary, sizeof canary);
}

bool
seal_canary_intact(const void *object, size_t size, uint64_t salt)
{
    uint64_t found;

    memcpy(&found, (const char *)object + size, sizeof found);
    return found == seal_canary(object, salt);
}

// --- Zeroes --------------------------------------------------------------------------------------

// Behind the header of a chunk all is aligned to 16 bytes, and 8 bytes are left over.
static bool
seal_reads_zero(const char *at, size_t bytes)
{
    const look_vector *v = (const look_vector *)(const void *)at;
    look_vector sum = {0, 0};
    uint64_t last;

    for (; bytes >= 4 * sizeof *v; bytes -= 4 * sizeof *v, v += 4) {
        sum |= v[0] | v[1] | v[2] | v[3];
    }
    for (; bytes >= sizeof *v; bytes -= sizeof *v, v++) {
        sum |= v[0];
    }
    memcpy(&last, v, sizeof last);
    return (sum[0] | sum[1] | last) == 0;
}

// Whole pages of what is too long to be looked through are given back: that zeroes them as well,
// and does not touch those that the program never touched.
static void
seal_wipe(char *at, size_t bytes)
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

// A chunk from a free list is about to be used.
static void
seal_prepare(const struct block *b, struct chunk *chunk)
{
    enum chunk_memory memory = (enum chunk_memory)seal_kind_of(chunk);
    char *object = chunk_object(chunk);
    size_t bytes = b->chunk_bytes - HEADER_BYTES;

    if (PROFILE_GUARD && b->size_class >= CLASS_RUN) {
        guard_show(b); // it may have been hidden when it was last freed, and then reads as zero
    }
    if (!PROFILE_ZERO || memory == MEMORY_ZERO) {
        return;
    }
    if (memory == MEMORY_LOOK && bytes <= LOOK_BYTES_MAX && !seal_reads_zero(object, bytes)) {
        fault_raise(FAULT_WRITE_AFTER_FREE, object, b->chunk_bytes);
        memory = MEMORY_WIPE; // reported only
    }
    if (memory == MEMORY_WIPE) {
        seal_wipe(object, bytes);
    }
}

// --- Objects -------------------------------------------------------------------------------------

void *
seal_close(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind)
{
    void *object = chunk_object(chunk);

    seal_prepare(b, chunk);
    if (PROFILE_CANARY) {
        seal_canary_put(object, size, b->key);
    }
    seal_sign(b, chunk, CHUNK_LIVE, kind, size);
    return object;
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

bool
seal_open(const struct block *b, struct chunk *chunk, struct seal_claim claim)
{
    char *object = chunk_object(chunk);
    size_t size = seal_size(chunk);

    if (!seal_claim_holds(claim, seal_kind_of(chunk), size, object, b->chunk_bytes)) {
        return false;
    }
    if (PROFILE_CANARY && unlikely(!seal_canary_intact(object, size, b->key))) {
        fault_raise(FAULT_OVERFLOW, object, b->chunk_bytes);
        return false;
    }
    seal_sign(b, chunk, CHUNK_QUARANTINED, seal_kind_of(chunk), size);
    if (b->size_class >= CLASS_RUN && guard_hide(b)) {
        return true;
    }
    if (PROFILE_ZERO) {
        seal_wipe(object, size + CANARY_BYTES);
    }
    return true;
}

bool
seal_discharge(const struct block *b, struct chunk *chunk)
{
    uint64_t header = chunk->header;

    if (unlikely(!header_is_sound(chunk, header, b->key))) {
        fault_raise(FAULT_CORRUPT_HEADER, chunk_object(chunk), b->chunk_bytes);
        return false;
    }
    if (unlikely(header_state(header) != CHUNK_QUARANTINED)) {
        fault_raise(FAULT_DOUBLE_FREE, chunk_object(chunk), b->chunk_bytes);
        return false;
    }
    return true;
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
        seal_wipe(object + kept, old_size + CANARY_BYTES - kept);
    }
    if (PROFILE_CANARY) {
        seal_canary_put(object, size, b->key);
    }
    seal_sign(b, chunk, CHUNK_LIVE, seal_kind_of(chunk), size);
    return true;
}
