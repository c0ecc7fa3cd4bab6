// SPDX-License-Identifier: MIT
//
// What the hardened profile puts around an object, and looks at when the object is freed:
//
//   chunk                    object                               canary       rest of the chunk
//   +------------------------+------------------------------------+------------+---------+
//   | header, 8 bytes        | what was asked for                 | 8 bytes    | zero    |
//   +------------------------+------------------------------------+------------+---------+
//                            ^ 16-byte aligned
//
// An underflow meets the header, which then has a wrong checksum; an overflow meets the canary from
// its first byte on. A chunk that is free is zero but for its header, and is looked through before
// it is handed out again: whatever was written to it meanwhile came from a stale pointer or from
// next door. Only chunks of up to LOOK_BYTES_MAX: longer ones give their pages back instead.
//
// The fast profile has no use for any of this. The chunk belongs to the calling thread.

#ifndef APEX_CORE_SEAL_H
#define APEX_CORE_SEAL_H

#include "core/block.h"

#include <string.h>

// How an object was allocated, or is freed.
enum seal_kind { SEAL_MALLOC, SEAL_NEW, SEAL_NEW_ARRAY, SEAL_KINDS };

// What the caller of a free says of the object.
struct seal_claim {
    enum seal_kind kind;
    size_t size; // SEAL_ANY_SIZE: nothing
};

#define SEAL_ANY_SIZE SIZE_MAX

#define LOOK_BYTES_MAX BLOCK_BYTES

// Compares a claim with what is known of an object. `kind_was` and `size_was` are those of the
// allocation. False after a fault.
bool seal_claim_holds(struct seal_claim claim, enum seal_kind kind_was, size_t size_was,
                      const void *object, size_t class_bytes);

// Makes memory of a chunk read as zero.
void seal_zero(char *at, size_t bytes);

SLOW void seal_accuse_quarantined(const struct block *b, const struct chunk *chunk);

// The bytes at the start of a live chunk's object that are the program's: seal_object_bytes is in
// both profiles, and needs no more than line 1 of the block.

#if PROFILE_HEADER

// How much of the rest of a chunk, behind the canary, a free looks at.
#define SLACK_BYTES_MAX 64

#define SEAL_SHORT_BYTES 1024 // zeroed without a call

typedef uint64_t seal_vector __attribute__((vector_size(16)));

FAST seal_vector
seal_load(const char *at)
{
    seal_vector v;

    memcpy(&v, at, sizeof v);
    return v;
}

// The size that was asked for. The header is sound and LIVE.
FAST size_t
seal_size(const struct chunk *chunk)
{
    return (uint32_t)chunk->header >> HEADER_VALUE_SHIFT;
}

FAST size_t
seal_object_bytes(const struct block *b, const struct chunk *chunk)
{
    (void)b;
    return seal_size(chunk);
}

FAST enum seal_kind
seal_kind_of(const struct chunk *chunk)
{
    return (enum seal_kind)(chunk->header >> HEADER_KIND_SHIFT & HEADER_KIND_MASK);
}

FAST void
seal_sign(const struct block *b, struct chunk *chunk, enum seal_kind kind, size_t size)
{
    uint32_t fields = CHUNK_LIVE | (uint32_t)kind << HEADER_KIND_SHIFT |
                      (uint32_t)b->size_class << HEADER_CLASS_SHIFT |
                      (uint32_t)size << HEADER_VALUE_SHIFT;
    chunk->header = header_sign(chunk, fields, b->key);
}

// Its first byte is never 0: the overflow met most often is a terminating zero. `salt` is any
// number that both sides know.
FAST uint64_t
seal_canary(const void *object, uint64_t salt)
{
    return ((uintptr_t)object ^ salt ^ mac_secret.canary) | 1;
}

FAST void
seal_canary_put(void *object, size_t size, uint64_t salt)
{
    uint64_t canary = seal_canary(object, salt);
    memcpy((char *)object + size, &canary, sizeof canary);
}

FAST bool
seal_canary_intact(const void *object, size_t size, uint64_t salt)
{
    uint64_t found;

    memcpy(&found, (const char *)object + size, sizeof found);
    return found == seal_canary(object, salt);
}

// The next two walk in steps of 64 bytes and end with a step that overlaps the one before, so that
// there is one branch that sizes at random make unpredictable, not one for each power of two.

// `bytes` at least 8.
FAST bool
seal_reads_zero(const char *at, size_t bytes)
{
    const char *end = at + bytes;
    seal_vector sum = {0, 0};

    if (likely(bytes >= 64)) {
        for (; end - at > 64; at += 64) {
            sum |= seal_load(at) | seal_load(at + 16) | seal_load(at + 32) | seal_load(at + 48);
        }
        at = end - 64;
        sum |= seal_load(at) | seal_load(at + 16) | seal_load(at + 32) | seal_load(at + 48);
    } else if (bytes >= 32) {
        sum |= seal_load(at) | seal_load(at + 16) | seal_load(end - 32) | seal_load(end - 16);
    } else if (bytes >= 16) {
        sum |= seal_load(at) | seal_load(end - 16);
    } else {
        uint64_t first;
        uint64_t last;
        memcpy(&first, at, sizeof first);
        memcpy(&last, end - sizeof last, sizeof last);
        sum[0] = first | last;
    }
    return (sum[0] | sum[1]) == 0;
}

FAST void
seal_zero_short(char *at, size_t bytes)
{
    char *end = at + bytes;

    if (likely(bytes >= 64)) {
        for (; end - at > 64; at += 64) {
            memset(at, 0, 64);
        }
        memset(end - 64, 0, 64);
    } else if (bytes >= 32) {
        memset(at, 0, 32);
        memset(end - 32, 0, 32);
    } else if (bytes >= 16) {
        memset(at, 0, 16);
        memset(end - 16, 0, 16);
    } else {
        memset(at, 0, 8);
        memset(end - 8, 0, 8);
    }
}

// Makes an object of `size` bytes of a chunk that was just allocated; it reads as zero. Raises a
// fault when the chunk was written to while it was free. The first does so however the chunk is,
// the second takes it for zero, and the third finds out which is needed.
void *seal_close_rest(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind);

FAST void *
seal_close_ready(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind)
{
    void *object = chunk_object(chunk);

    if (PROFILE_CANARY) {
        seal_canary_put(object, size, b->key);
    }
    seal_sign(b, chunk, kind, size);
    return object;
}

FAST void *
seal_close(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind)
{
    size_t bytes = b->chunk_bytes - HEADER_BYTES;

    if (unlikely(seal_kind_of(chunk) != (enum seal_kind)MEMORY_LOOK) ||
        unlikely(b->size_class >= CLASS_RUN) ||
        (PROFILE_ZERO && unlikely(!seal_reads_zero(chunk_object(chunk), bytes)))) {
        return seal_close_rest(b, chunk, size, kind);
    }
    return seal_close_ready(b, chunk, size, kind);
}

// True if the first bytes behind the canary, `bytes_max` at most, are zero. Fewer than 16 are not
// looked at: they are the end of the chunk.
FAST bool
seal_slack_is_zero(const struct block *b, struct chunk *chunk, size_t bytes_max)
{
    size_t used = seal_size(chunk) + OVERHEAD_BYTES;
    size_t bytes = b->chunk_bytes - used;

    if (!PROFILE_ZERO || likely(bytes < 16)) {
        return true;
    }
    return seal_reads_zero((const char *)chunk + used, bytes < bytes_max ? bytes : bytes_max);
}

// True if the object in a chunk whose header is sound and LIVE can be freed: the claim holds, and
// the canary is there. When not, seal_accuse raises the fault.
FAST bool
seal_is_intact(const struct block *b, struct chunk *chunk, struct seal_claim claim)
{
    size_t size = seal_size(chunk);

    if (PROFILE_TYPES && unlikely(claim.kind != seal_kind_of(chunk))) {
        return false;
    }
    if (PROFILE_TYPES && unlikely(claim.size != SEAL_ANY_SIZE) && claim.size != size) {
        return false;
    }
    return (!PROFILE_CANARY || seal_canary_intact(chunk_object(chunk), size, b->key)) &&
           seal_slack_is_zero(b, chunk, SLACK_BYTES_MAX);
}

SLOW void seal_accuse(const struct block *b, struct chunk *chunk, struct seal_claim claim);

// The object of an intact chunk is freed: zeroes it, and marks the chunk as QUARANTINED. That is
// not signed: who makes another header look like this one gains an abort. The first is for objects
// that are short; false when this one is not.
FAST bool
seal_open_short(struct chunk *chunk)
{
    size_t bytes = seal_size(chunk) + CANARY_BYTES;

    if (!PROFILE_ZERO || !PROFILE_CANARY || unlikely(bytes > SEAL_SHORT_BYTES)) {
        return false;
    }
    seal_zero_short(chunk_object(chunk), bytes);
    chunk->header = CHUNK_QUARANTINED;
    return true;
}

void seal_open(const struct block *b, struct chunk *chunk);

// A chunk leaves the quarantine. False when it must not: it was freed a second time, or was
// overwritten. Then seal_accuse_quarantined raises the fault, and it must not be used again.
FAST bool
seal_is_quarantined(const struct chunk *chunk)
{
    return chunk->header == CHUNK_QUARANTINED;
}

// Gives a live object, whose header is sound, another size, which its chunk has room for. False
// after a fault.
bool seal_resize(const struct block *b, struct chunk *chunk, size_t size);

#else

FAST size_t
seal_object_bytes(const struct block *b, const struct chunk *chunk)
{
    (void)chunk;
    return b->stride;
}

// Without headers there is no quarantine, and nobody asks.
FAST bool
seal_is_quarantined(const struct chunk *chunk)
{
    (void)chunk;
    return true;
}

#endif

#endif
