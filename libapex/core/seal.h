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
// next door.
//
// The fast profile has no use for any of this. The chunk belongs to the calling thread.

#ifndef APEX_CORE_SEAL_H
#define APEX_CORE_SEAL_H

#include "core/block.h"
#include "core/wipe.h"

#include <string.h>

// How an object was allocated, or is freed.
enum seal_kind { SEAL_MALLOC, SEAL_NEW, SEAL_NEW_ARRAY, SEAL_KINDS };

// What the caller of a free says of the object.
struct seal_claim {
    enum seal_kind kind;
    size_t size; // SEAL_ANY_SIZE: nothing
};

#define SEAL_ANY_SIZE SIZE_MAX

// Compares a claim with what is known of an object. `kind_was` and `size_was` are those of the
// allocation. False after a fault.
bool seal_claim_holds(struct seal_claim claim, enum seal_kind kind_was, size_t size_was,
                      const void *object, size_t class_bytes);

SLOW void seal_accuse_quarantined(const struct block *b, const struct chunk *chunk);

// The bytes at the start of a live chunk's object that are the program's: seal_object_bytes is in
// both profiles, and needs no more than line 1 of the block.

#if PROFILE_HEADER

// How much of the rest of a chunk, behind the canary, a free looks at.
#define SLACK_BYTES_MAX 64

// Chunks that nobody has had are looked at up to this size: to carve them touched their pages
// anyway. Of longer ones looking would bring in pages that the program may never use.
#define FRESH_BYTES_MAX 8192

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

// Its first byte is never 0: the overflow met most often is a terminating zero.
FAST uint64_t
seal_canary(struct mac mac)
{
    return mac.second | 1;
}

FAST void
seal_canary_put(void *object, size_t size, struct mac mac)
{
    uint64_t canary = seal_canary(mac);
    memcpy((char *)object + size, &canary, sizeof canary);
}

FAST bool
seal_canary_intact(const void *object, size_t size, struct mac mac)
{
    uint64_t found;

    memcpy(&found, (const char *)object + size, sizeof found);
    return found == seal_canary(mac);
}

// Makes an object of `size` bytes of a chunk of class `c`, whose memory reads as zero.
FAST void *
seal_close_ready(struct chunk *chunk, unsigned c, size_t size, enum seal_kind kind)
{
    uint32_t fields = CHUNK_LIVE | (uint32_t)kind << HEADER_KIND_SHIFT |
                      (uint32_t)c << HEADER_CLASS_SHIFT | (uint32_t)size << HEADER_VALUE_SHIFT;
    struct mac mac = header_mac(chunk, fields, 0);
    void *object = chunk_object(chunk);

    chunk->header = header_of(fields, mac);
    if (PROFILE_CANARY) {
        seal_canary_put(object, size, mac);
    }
    return object;
}

// True if a free chunk of class `c`, which was wiped when it was freed, still reads as zero. The
// first is for chunks up to WIPE_DENSE_BYTES.
FAST bool
seal_is_clean_short(struct chunk *chunk, unsigned c)
{
    size_t bytes = size_classes[c].chunk_bytes - HEADER_BYTES;
    return !PROFILE_ZERO || wipe_holds_short(chunk_object(chunk), bytes);
}

FAST bool
seal_is_clean(struct chunk *chunk, unsigned c)
{
    size_t bytes = size_classes[c].chunk_bytes - HEADER_BYTES;

    return likely(bytes <= WIPE_DENSE_BYTES)
                   ? seal_is_clean_short(chunk, c)
                   : !PROFILE_ZERO || wipe_holds(chunk_object(chunk), bytes);
}

// The same as seal_close_ready for a chunk that was just taken out of a free list, whatever its
// memory is. Raises a fault when it was written to while it was free.
void *seal_close_rest(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind);

FAST void *
seal_close(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind)
{
    if (unlikely(seal_kind_of(chunk) != (enum seal_kind)MEMORY_LOOK) ||
        unlikely(!seal_is_clean(chunk, b->size_class))) {
        return seal_close_rest(b, chunk, size, kind);
    }
    return seal_close_ready(chunk, b->size_class, size, kind);
}

// And for one that was just taken out of quarantine. NULL after a fault that makes it useless.
void *seal_reuse_rest(struct chunk *chunk, unsigned c, size_t size, enum seal_kind kind);

FAST bool seal_is_quarantined(const struct chunk *chunk);

FAST void *
seal_reuse(struct chunk *chunk, unsigned c, size_t size, enum seal_kind kind)
{
    if (unlikely(!seal_is_quarantined(chunk)) || unlikely(!seal_is_clean(chunk, c))) {
        return seal_reuse_rest(chunk, c, size, kind);
    }
    return seal_close_ready(chunk, c, size, kind);
}

// True if the first bytes behind the canary, `bytes_max` at most, are zero. Fewer than 16 are not
// looked at: they are the end of the chunk.
FAST bool
seal_slack_is_zero(const struct chunk *chunk, unsigned c, size_t bytes_max)
{
    size_t used = seal_size(chunk) + OVERHEAD_BYTES;
    size_t bytes = size_classes[c].chunk_bytes - used;

    if (!PROFILE_ZERO || likely(bytes < 16)) {
        return true;
    }
    return wipe_holds_short((const char *)chunk + used, bytes < bytes_max ? bytes : bytes_max);
}

// True if the object in a live chunk of class `c` can be freed: the claim holds, and the canary is
// there. When not, seal_accuse raises the fault. `mac` is that of the header.
FAST bool
seal_is_intact(struct chunk *chunk, unsigned c, struct mac mac, struct seal_claim claim)
{
    size_t size = seal_size(chunk);

    if (PROFILE_TYPES && unlikely(claim.kind != seal_kind_of(chunk))) {
        return false;
    }
    if (PROFILE_TYPES && unlikely(claim.size != SEAL_ANY_SIZE) && claim.size != size) {
        return false;
    }
    return (!PROFILE_CANARY || likely(seal_canary_intact(chunk_object(chunk), size, mac))) &&
           likely(seal_slack_is_zero(chunk, c, SLACK_BYTES_MAX));
}

SLOW void seal_accuse(const struct block *b, struct chunk *chunk, struct seal_claim claim);

// The object of an intact chunk is freed: zeroes it, and marks the chunk as QUARANTINED. That is
// not signed: who makes another header look like this one gains an abort. The first is for objects
// that are short; false when this one is not.
FAST bool
seal_open_short(struct chunk *chunk)
{
    size_t bytes = seal_size(chunk) + CANARY_BYTES;

    if (!PROFILE_ZERO || !PROFILE_CANARY || unlikely(bytes > WIPE_SHORT_BYTES)) {
        return false;
    }
    wipe_short(chunk_object(chunk), bytes);
    chunk->header = CHUNK_QUARANTINED;
    return true;
}

void seal_open(struct chunk *chunk);

// A chunk leaves the quarantine. False when it must not: it was freed a second time, or was
// overwritten. Then seal_accuse_quarantined raises the fault, and it must not be used again.
FAST bool
seal_is_quarantined(const struct chunk *chunk)
{
    return chunk->header == CHUNK_QUARANTINED;
}

// Gives an intact object another size, which its chunk has room for.
void seal_resize(const struct block *b, struct chunk *chunk, size_t size);

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
