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

// How an object was allocated, or is freed.
enum seal_kind { SEAL_MALLOC, SEAL_NEW, SEAL_NEW_ARRAY, SEAL_KINDS };

// What the caller of a free says of the object.
struct seal_claim {
    enum seal_kind kind;
    size_t size; // SEAL_ANY_SIZE: nothing
};

#define SEAL_ANY_SIZE SIZE_MAX

#define LOOK_BYTES_MAX BLOCK_BYTES

// Makes an object of `size` bytes of a chunk that was just allocated; it reads as zero. Raises a
// fault when the chunk was written to while it was free.
void *seal_close(const struct block *b, struct chunk *chunk, size_t size, enum seal_kind kind);

// The object in a chunk whose header is sound and LIVE is being freed: compares it with the claim,
// looks at its canary, zeroes it, and marks the chunk as QUARANTINED. False after a fault; the
// object is then left as it was.
bool seal_open(const struct block *b, struct chunk *chunk, struct seal_claim claim);

// A chunk leaves the quarantine. False after a fault, that is, when its header was overwritten or
// it was freed a second time by another thread: it must not be used again.
bool seal_discharge(const struct block *b, struct chunk *chunk);

// Gives a live object, whose header is sound, another size, which its chunk has room for. False
// after a fault.
bool seal_resize(const struct block *b, struct chunk *chunk, size_t size);

// Compares a claim with what is known of an object. `kind_was` and `size_was` are those
// of the allocation. False after a fault.
bool seal_claim_holds(struct seal_claim claim, enum seal_kind kind_was, size_t size_was,
                      const void *object, size_t class_bytes);

// Puts a canary behind the `size` bytes at `object`, or sees whether it is still there. `salt` is
// any number that both know.
void seal_canary_put(void *object, size_t size, uint64_t salt);
bool seal_canary_intact(const void *object, size_t size, uint64_t salt);

#if PROFILE_HEADER

// The size that was asked for. The header is sound and LIVE.
FAST size_t
seal_size(const struct chunk *chunk)
{
    return (uint32_t)chunk->header >> HEADER_VALUE_SHIFT;
}

FAST enum seal_kind
seal_kind_of(const struct chunk *chunk)
{
    return (enum seal_kind)(chunk->header >> HEADER_KIND_SHIFT & HEADER_KIND_MASK);
}

#endif

#endif
