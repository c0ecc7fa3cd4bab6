// SPDX-License-Identifier: MIT
//
// The fast profile's free lists: what a free chunk holds. Included by core/freelist.h.
//
//   word 0   link    next ^ address ^ key      the list, "safe-linked" (Check Point, 2020), keyed
//   word 1   tag     address ^ key             "I am free": how a second free is noticed
//
// The key is random and belongs to the block. Whoever overwrites a link without knowing it makes
// the decoded address random, and the pop that meets it stops: it takes only addresses that lie in
// the block's superblock and are aligned (block_pop). If only the lowest two bytes were overwritten
// that check lets 1 case of 16 pass, with three bytes 1 of 64. The key is no secret from somebody
// who can read freed memory.
//
// The tag is cleared when the chunk is allocated. Its top byte is the key's, whatever the address
// is, because user addresses have a top byte of 0: so free() probes one byte, and compares the word
// only when the byte matches. One byte, since a program may have just written that word in smaller
// pieces, and a wide load behind narrow stores stalls until they have left the store buffer.

#ifndef APEX_CORE_FREELIST_LINKED_H
#define APEX_CORE_FREELIST_LINKED_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the probed byte is the top one");

struct chunk {
    uintptr_t link;
    uintptr_t tag;
};

// What the program has is the chunk.
FAST struct chunk *
chunk_of(const void *object)
{
    return (struct chunk *)(uintptr_t)object;
}

FAST void *
chunk_object(struct chunk *chunk)
{
    return chunk;
}

// Top bytes of keys: odd values that neither text, nor small numbers of either sign, nor the
// exponents of common floating-point numbers have.
#define KEY_TOP_BASE UINT64_C(0x91)
#define KEY_TOP_SPAN 16

FAST uint64_t
freelist_key(uint64_t random)
{
    uint64_t top = KEY_TOP_BASE + 2 * (random >> 60);
    return (random & (UINT64_MAX >> 8)) | top << 56;
}

FAST void *
freelist_next(const struct chunk *chunk, uint64_t key)
{
    return (void *)(chunk->link ^ (uintptr_t)chunk ^ key);
}

FAST void
freelist_set_next(struct chunk *chunk, const void *next, uint64_t key)
{
    chunk->link = (uintptr_t)next ^ ((uintptr_t)chunk ^ key);
}

FAST void
freelist_mark_free(struct chunk *chunk, uint64_t key)
{
    chunk->tag = (uintptr_t)chunk ^ key;
}

// A chunk that was never allocated, or not since its block was empty.
FAST void
freelist_make(struct chunk *chunk, const void *next, uint64_t key, enum chunk_memory memory)
{
    (void)memory;
    freelist_set_next(chunk, next, key);
    freelist_mark_free(chunk, key);
}

FAST enum chunk_memory
freelist_memory(const struct chunk *chunk, uint64_t key)
{
    (void)chunk;
    (void)key;
    return MEMORY_LOOK;
}

FAST void
freelist_mark_used(struct chunk *chunk)
{
    chunk->tag = 0;
}

// `key` by address: its top byte is loaded alone, beside the byte of the chunk.
FAST bool
freelist_may_be_free(const struct chunk *chunk, unsigned c, const uint64_t *key)
{
    (void)c;
    return ((const unsigned char *)chunk)[15] == ((const unsigned char *)key)[7];
}

FAST bool
freelist_is_free(const struct chunk *chunk, uint64_t key)
{
    return chunk->tag == ((uintptr_t)chunk ^ key);
}

#endif
