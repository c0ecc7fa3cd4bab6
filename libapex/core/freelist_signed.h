// SPDX-License-Identifier: MIT
//
// The hardened profile's chunks and free lists. Included by core/freelist.h.
//
// Each chunk begins with a header of 8 bytes, and the object starts behind it:
//
//   bits  0..1    state: FREE (in a list, or under way to its owner), LIVE, QUARANTINED
//   bits  2..3    how it was allocated (LIVE), or what is known of its memory (FREE):
//                   LOOK    it was zeroed, and should still be zero
//                   ZERO    it reads as zero because nobody has ever had it
//                   WIPE    something else was there before
//   bits  4..10   size class (LIVE)
//   bits 11..31   bytes that were asked for; or, of a free chunk, where in its superblock the next
//                 one is, in units of 8 bytes, 0 for none
//   bits 32..63   checksum of the rest and the chunk's address (base/mac.h), and of a FREE one also
//                 of its block's key; not of QUARANTINED ones, whose header is only that state
//
// So one word answers what Scudo's header does, and is the link of a list that cannot be forged: a
// pop takes no link whose checksum is wrong, and a header copied from another chunk has a wrong
// one. An older header of the same chunk has not; to put it back an attacker has to have read it.
// A LIVE header does without the block's key, so that malloc need not look at the block at all when
// it takes a chunk out of quarantine (policy/quarantine.h).
//
// Why not lists with a signed back edge, or state out of line? docs/decisions/0010.

#ifndef APEX_CORE_FREELIST_SIGNED_H
#define APEX_CORE_FREELIST_SIGNED_H

#include "base/mac.h"
#include "core/geometry.h"

#include <stdbool.h>
#include <stdint.h>

struct chunk {
    uint64_t header;
};

enum chunk_state { CHUNK_FREE, CHUNK_LIVE, CHUNK_QUARANTINED };

#define STATE_MASK 3u
#define HEADER_KIND_SHIFT 2
#define HEADER_KIND_MASK 3u
#define HEADER_CLASS_SHIFT 4
#define HEADER_CLASS_MASK 127u
#define HEADER_VALUE_SHIFT 11
#define HEADER_LINK_SHIFT 3

// What a wrong checksum leads to. No chunk starts there, in whichever superblock a link to it
// leads: so a list on which more is pushed before anybody looks still ends in it, and not as if all
// was well.
#define HEADER_BROKEN ((void *)ALIGN_BYTES)

_Static_assert(SUPERBLOCK_SHIFT - HEADER_LINK_SHIFT <= 32 - HEADER_VALUE_SHIFT, "a link fits");

FAST struct chunk *
chunk_of(const void *object)
{
    return (struct chunk *)((uintptr_t)object - HEADER_BYTES);
}

FAST void *
chunk_object(struct chunk *chunk)
{
    return (char *)chunk + HEADER_BYTES;
}

FAST enum chunk_state
header_state(uint64_t header)
{
    return (enum chunk_state)(header & STATE_MASK);
}

FAST struct mac
header_mac(const void *chunk, uint64_t fields, uint64_t key)
{
    return PROFILE_CHECKSUM ? mac_of((uintptr_t)chunk ^ key, fields)
                            : (struct mac){0, (uintptr_t)chunk ^ mac_secret.mask[0]};
}

FAST uint64_t
header_of(uint32_t fields, struct mac mac)
{
    return mac.first << 32 | fields;
}

FAST uint64_t
header_sign(const struct chunk *chunk, uint32_t fields, uint64_t key)
{
    return header_of(fields, header_mac(chunk, fields, key));
}

// A FREE one.
FAST bool
header_is_sound(const struct chunk *chunk, uint64_t header, uint64_t key)
{
    return header == header_sign(chunk, (uint32_t)header, key);
}

// That of an object in a block of class `c`. An older one, from when the chunk was part of a block
// of another class, would make the object longer than its chunk. `mac` becomes that of the header,
// from which the canary is made as well.
FAST bool
header_is_live(const struct chunk *chunk, uint64_t header, unsigned c, struct mac *mac)
{
    const uint32_t mask = STATE_MASK | HEADER_CLASS_MASK << HEADER_CLASS_SHIFT;

    *mac = header_mac(chunk, (uint32_t)header, 0);
    return likely(((uint32_t)header & mask) == (CHUNK_LIVE | c << HEADER_CLASS_SHIFT)) &&
           likely(header == header_of((uint32_t)header, *mac));
}

FAST uint64_t
freelist_key(uint64_t random)
{
    return random;
}

FAST uint32_t
freelist_link(const void *next)
{
    return (uint32_t)((uintptr_t)next & SUPERBLOCK_MASK) >> HEADER_LINK_SHIFT << HEADER_VALUE_SHIFT;
}

FAST void *
freelist_next(const struct chunk *chunk, uint64_t key)
{
    uint64_t header = chunk->header;
    uintptr_t offset = ((uint32_t)header >> HEADER_VALUE_SHIFT) << HEADER_LINK_SHIFT;

    if (unlikely(header_state(header) != CHUNK_FREE) ||
        unlikely(!header_is_sound(chunk, header, key))) {
        return HEADER_BROKEN;
    }
    return offset == 0 ? NULL : geometry_superblock_base(chunk) + offset;
}

FAST void
freelist_set_next(struct chunk *chunk, const void *next, uint64_t key)
{
    chunk->header = header_sign(chunk, freelist_link(next) | CHUNK_FREE, key);
}

FAST void
freelist_mark_free(struct chunk *chunk, uint64_t key)
{
    (void)chunk;
    (void)key; // the link says it
}

FAST void
freelist_make(struct chunk *chunk, const void *next, uint64_t key, enum chunk_memory memory)
{
    uint32_t kind = (uint32_t)memory << HEADER_KIND_SHIFT;
    chunk->header = header_sign(chunk, freelist_link(next) | kind | CHUNK_FREE, key);
}

FAST enum chunk_memory
freelist_memory(const struct chunk *chunk, uint64_t key)
{
    uint64_t header = chunk->header;
    bool known = header_state(header) == CHUNK_FREE && header_is_sound(chunk, header, key);
    return known ? (enum chunk_memory)(header >> HEADER_KIND_SHIFT & HEADER_KIND_MASK)
                 : MEMORY_LOOK; // which will find that something is wrong
}

FAST void
freelist_mark_used(struct chunk *chunk)
{
    (void)chunk; // its new header will say it (core/seal.h)
}

FAST bool
freelist_may_be_free(const struct chunk *chunk, unsigned c, const uint64_t *key)
{
    struct mac mac;

    (void)key;
    return !header_is_live(chunk, chunk->header, c, &mac);
}

FAST bool
freelist_is_free(const struct chunk *chunk, uint64_t key)
{
    uint64_t header = chunk->header;
    return header == CHUNK_QUARANTINED ||
           (header_state(header) == CHUNK_FREE && header_is_sound(chunk, header, key));
}

#endif
