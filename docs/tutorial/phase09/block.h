// SPDX-License-Identifier: MIT
//
// A block: 64 KiB, cut into chunks of one size, or part of a run for one large object. What is
// known of it stands in its descriptor, away from the objects.
//
//   block                                              descriptor
//   +-------+-------+-------+-------+----      +       free ──▶ chunk ──▶ chunk ──▶ NULL
//   | chunk | chunk | chunk | chunk | uncut …  |       carved, used, capacity, …
//   +-------+-------+-------+-------+----      +
//
// Invariants
//   B1  The free list holds chunks of this block that were carved and are not live, each once.
//   B2  used = carved - length of the free list.
//   B3  A chunk that is not live has its mark; a live one has it by a chance of one in 2^64.
//   B4  Only the owner changes `used`.
//
// The thread whose heap owns the block, and no other, takes chunks and puts them back.

#ifndef TINY_BLOCK_H
#define TINY_BLOCK_H

#include "secret.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_BYTES ((size_t)64 << 10)

enum block_state {
    BLOCK_FREE = 0, // nobody's
    BLOCK_CHUNKS,   // cut into chunks
    BLOCK_LARGE,    // the first block of a run that is one object
    BLOCK_TAIL,     // a later one
    BLOCK_OWN,      // the first block of a run that is ours, and no object
};

// A chunk that is not live has the list's link in it, and a mark. Whoever writes over the link does
// not know the key: what comes out is not the address that he wants.
struct chunk {
    uintptr_t hidden_next;
    uintptr_t mark;
};

struct thread_heap;

struct block {
    struct chunk *free;
    struct thread_heap *owner;     // as long as the block has chunks
    struct block *next, *previous; // in the owner's list of blocks with room
    _Atomic uint32_t carved;       // chunks cut off so far, from the front; any thread reads
    _Atomic uint32_t used;         // chunks that are live, or in quarantine; any thread reads
    uint32_t capacity;             // chunks that fit
    uint32_t chunk_bytes;
    uint32_t run_blocks; // length of a run, in its first block
    uint8_t size_class;
    uint8_t state; // enum block_state
};

// The link, hidden by the key and by its own place, so that the same link looks different
// elsewhere.
static inline uintptr_t
chunk_hide(const struct chunk *chunk, uintptr_t link)
{
    return link ^ secret_key ^ ((uintptr_t)chunk >> 12);
}

static inline struct chunk *
chunk_next(const struct chunk *chunk)
{
    return (struct chunk *)chunk_hide(chunk, chunk->hidden_next);
}

static inline void
chunk_set_next(struct chunk *chunk, const struct chunk *next)
{
    chunk->hidden_next = chunk_hide(chunk, (uintptr_t)next);
}

static inline bool
chunk_is_marked(const struct chunk *chunk)
{
    return chunk->mark == (~secret_key ^ (uintptr_t)chunk);
}

static inline void
chunk_set_mark(struct chunk *chunk, bool marked)
{
    chunk->mark = marked ? ~secret_key ^ (uintptr_t)chunk : 0;
}

// Makes a block ready for chunks of class `c`: nothing is carved.
void block_open(struct block *block, unsigned c);

// Ends the process unless `p` is a live chunk of the block, whose memory is `start`. Any thread.
void block_check_live(const struct block *block, const char *start, const void *p);

// Takes a chunk of a block that has room. `random` is the state of the random numbers.
void *block_take(struct block *block, char *start, uint64_t *random);

// Puts a chunk back that is marked.
void block_put(struct block *block, void *p);

#endif
