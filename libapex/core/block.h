// SPDX-License-Identifier: MIT
//
// A block: 64 KiB (or a run of such) of chunks of one size class, with one owner.
//
// Invariants
//   B1  Only the owner writes line 0, of which others read `shown` at most, which is atomic; and
//       what it writes in line 1 is atomic (owner, carved) or does not change while chunks are
//       live (key, base, inverse, turn).
//   B2  The free list holds only chunks that have been carved; each carries its link and its tag.
//   B3  used = credit + floor, where used counts the chunks that are allocated, or freed by another
//       thread and not yet received. free() decrements `credit` and leaves its fast path at 0.
//   B4  `remote` is 0, or the block is in exactly one inbox or about to be put there
//       (core/remote.h).
//
// Why credit and floor. A block must be looked at when it is no longer full, when it becomes empty,
// and now and then so that statistics stay true; the fast path should test for all of that at once.
// So each state chooses the `floor` at which its next event is due, and `credit` counts down to it:
//
//   state       event wanted                               floor
//   CURRENT     none: allocation comes here next anyway    -1 (credit never reaches 0)
//   FULL        enough freed to be worth a return          capacity - wake
//   AVAILABLE   empty, or an eighth has been freed         max(0, used - capacity/8)
//
// A full block waits for `wake` chunks, an eighth of its capacity and at most 16, before it counts
// as one with room. On a large heap that is freed at random nearly every block is full, and each
// free would make one of them the next to allocate from, for one chunk: every malloc would change
// blocks. The idea is snmalloc's (Lietar et al., 2019: slabs that sleep and wake).
//
// Two lines, so that a thread that frees another's chunks does not fetch, for each of them, the
// line that their owner is writing to:
//
//   descriptor, line 0: the owner's          line 1: everybody's
//   +------+--------+-------+-----           +-------+-----+------+--------+---     +--------+---
//   | free | credit | floor | …              | owner | key | base | carved | …      | remote | …
//   +------+--------+-------+-----           +-------+-----+------+--------+---     +--------+---
//    ^ head of the list of free chunks                                 others push here by CAS

#ifndef APEX_CORE_BLOCK_H
#define APEX_CORE_BLOCK_H

#include "base/atomic.h"
#include "base/check.h"
#include "base/list.h"
#include "base/rng.h"
#include "core/freelist.h"
#include "core/geometry.h"
#include "core/size_class.h"

struct owner;

enum block_state {
    BLOCK_UNUSED = 0, // in the pool
    BLOCK_MOVING,     // on its way from one list or owner to another; its chunks are live
    BLOCK_CURRENT,    // its owner allocates from it
    BLOCK_FULL,       // too few free chunks to return to; in its owner's list of full blocks
    BLOCK_AVAILABLE,  // in its owner's list of the class, or in the orphans'
    BLOCK_IDLE,       // empty; its owner keeps it for a while, in its list of such
    BLOCK_TAIL,       // the second and later blocks of a run; `owner` leads to the first
};

struct block {
    // Line 0: what the owner writes with each malloc and free. Nobody else looks at it for a live
    // chunk, but at `shown`.
    struct chunk *free;    // list of free chunks, NULL when empty
    uint32_t credit;       // see above
    int32_t floor;         // see above
    uint32_t settled;      // `used` as the statistics know it
    uint32_t chunk_bytes;
    uint16_t capacity;     // chunks
    uint8_t size_class;
    uint8_t state;         // enum block_state
    uint8_t run_blocks;
    uint8_t head_distance; // of a tail, in blocks; stays when the run is back in the pool
    bool clean;            // what has never been carved reads as zero
    uint8_t fence;         // what of the block is guarded (core/guard.h)
    struct list link;      // of whoever holds the list the block is in
    uint64_t pop_key;      // the same as `key`: malloc looks at line 0 only
    uint32_t shown;        // the word of this block in the map (core/heapmap.h); atomic
    uint16_t shown_least;  // M2 there
    uint16_t shown_span;

    // Line 1: what does not change while chunks are live, but for `carved`; read by everybody.
    // `remote` and `inbox_next` belong to the protocol of core/remote.h. `owner` is NULL in the
    // state UNUSED; in the state TAIL it is the head's address with bit 0 set.
    CACHE_ALIGNED struct owner *owner;
    uint64_t key;     // of links and tags (core/freelist.h)
    char *base;       // first chunk
    uint64_t inverse; // of the size class, like `turn`: an address to the chunk's number
    uint64_t carved;  // chunks cut so far; atomic
    uint8_t turn;
    uint8_t class;    // the same as `size_class`, for those who look at line 1 only,
    uint16_t known;   // so many chunks were carved before the list was last forgotten
    uint32_t stride;  // and as `chunk_bytes`
    uint64_t remote;
    struct block *inbox_next;
};

_Static_assert(sizeof(struct block) == DESCRIPTOR_BYTES, "two cache lines");
_Static_assert(offsetof(struct block, owner) == CACHE_LINE_BYTES, "what others read apart");

// Other threads read the state of a block that a pointer leads them to, at any moment: UNUSED tells
// them that the pointer is a bad one. So a block with live chunks is never UNUSED, not even between
// two lists.
FAST enum block_state
block_state(const struct block *b)
{
    return load_relaxed(&b->state);
}

FAST void
block_set_state(struct block *b, enum block_state state)
{
    store_relaxed(&b->state, (uint8_t)state);
}

// The number of the chunk that starts at `p`; for any other address, be it interior, misaligned or
// foreign, a number larger than any block has chunks. A chunk's size is an odd number times a power
// of two: multiplying the offset by the inverse of the odd number, modulo 2^64, and rotating it by
// the power takes n chunks to n. Both steps can be undone, so no other offset leads to the same n.
// (Exact division by multiplication: Hacker's Delight, 10-16.)
FAST uint64_t
block_chunk_index(const struct block *b, const void *p)
{
    uint64_t product = (uint64_t)((uintptr_t)p - (uintptr_t)b->base) * b->inverse;
    return product >> (b->turn & 63) | product << (-b->turn & 63);
}

// True if a chunk starts at `p` and has been handed out before.
FAST bool
block_starts_chunk(const struct block *b, const void *p)
{
    return block_chunk_index(b, p) < load_fast(&b->carved);
}

// What is known of the memory of `chunk`, number `index`, which is yet to be carved. One that was
// carved before may still be as it was then, if it was never allocated.
FAST enum chunk_memory
block_memory(const struct block *b, const struct chunk *chunk, uint64_t index)
{
    return index < b->known ? freelist_memory(chunk, b->key) : b->clean ? MEMORY_ZERO : MEMORY_WIPE;
}

// True if `p` is aligned like a chunk and lies in the superblock in which the descriptor lies too:
// no memory is needed to tell. NULL lies in none.
FAST bool
block_near(const struct block *b, const void *p)
{
    uintptr_t difference = (uintptr_t)p ^ (uintptr_t)b ^ CHUNK_OFFSET;
    return (difference & (~SUPERBLOCK_MASK | (ALIGN_BYTES - 1))) == 0;
}

// Takes the first free chunk. NULL when there is none, or when what the list holds is not an
// address in this superblock: block_corrupt() tells the two apart. One test serves for both.
FAST void *
block_pop(struct block *b)
{
    struct chunk *chunk = b->free;

    if (unlikely(!block_near(b, chunk))) {
        return NULL;
    }
    b->credit++;
    b->free = freelist_next(chunk, b->pop_key);
    freelist_mark_used(chunk);
    return chunk;
}

FAST bool
block_corrupt(const struct block *b)
{
    return b->free != NULL && !block_near(b, b->free);
}

// Puts a chunk back. True when the event that `floor` asks for is due.
FAST bool
block_push(struct block *b, struct chunk *chunk)
{
    freelist_set_next(chunk, b->free, b->key);
    freelist_mark_free(chunk, b->key);
    b->free = chunk;
    return --b->credit == 0;
}

// A run with a single chunk needs no list: `carved` alone says whether the chunk is out. Taking it
// touches its memory only to wipe a mark that may be there, and does not read it; a second free of
// it finds no chunk that starts there, however the program has overwritten the mark. In both of its
// states, FULL and IDLE, its floor is 0. The state is the caller's.
FAST void *
block_take_only(struct block *b)
{
    struct chunk *chunk = (struct chunk *)(void *)b->base;

    if (PROFILE_HEADER) {
        freelist_make(chunk, NULL, b->key, block_memory(b, chunk, 0));
    } else if (!b->clean) {
        freelist_mark_used(chunk);
    }
    b->clean = false;
    b->credit = 1;
    b->settled = 1;
    store_relaxed(&b->carved, 1);
    return b->base;
}

FAST void
block_put_only(struct block *b)
{
    b->free = NULL;
    b->known = 1;
    b->settled = 0;
    store_relaxed(&b->carved, 0);
}

// True if `p` is where such a chunk would start, whether it is out or not.
FAST bool
block_is_only(const struct block *b, const void *p)
{
    return b->capacity == 1 && p == b->base;
}

FAST uint32_t
block_used(const struct block *b)
{
    return (uint32_t)((int32_t)b->credit + b->floor);
}

// Makes a run of `blocks`, which is one of the two lengths of class `c`, ready for chunks of that
// class: nothing carved, nothing used. `first` is the address of its first block, `b` the
// descriptor. The state is left UNUSED and the memory is taken for dirty: the caller knows better.
void block_init(struct block *b, char *first, unsigned c, unsigned blocks, struct owner *owner,
                uint64_t key);

// Gives a run in use, which has become `blocks` long, and whose only chunk is out, the class `c`.
// Owner only.
void block_set_class(struct block *b, unsigned c, unsigned blocks);

// Cuts the next chunks, size_class.carve_count of them, and makes them the free list, which is
// empty. False when the block has been cut up altogether. `rng` is for their order (hardened).
bool block_carve(struct block *b, struct rng *rng);

// An empty block forgets its list, and has nothing carved; the same chunks will be cut. Owner only.
void block_uncarve(struct block *b);

// True if enough chunks are free, or not yet carved, for the block to be AVAILABLE.
bool block_has_room(const struct block *b);

// Sets `used` and the floor of the state the block has now.
void block_set_used(struct block *b, uint32_t used);

// Makes what other threads freed, the chain head..tail of `count` chunks, part of the free list and
// counts it off. `used` falls by `count`; floor and credit are set anew. The links are not looked
// at: pops check each in their turn.
void block_receive(struct block *b, struct chunk *head, struct chunk *tail, uint32_t count);

// The same when all chunks came home and the pages were given back meanwhile: the block is as new.
// False when the owner has pushed a chunk besides, which then was freed twice; the block is left as
// it is.
bool block_receive_purged(struct block *b);

// The first descriptor of the run of which `b` is part; `b` itself but in the state TAIL.
FAST struct block *
block_head(struct block *b)
{
    uintptr_t owner = (uintptr_t)load_relaxed(&b->owner);
    return unlikely((owner & 1) != 0) ? (struct block *)(owner - 1) : b;
}

// Makes `b` the tail of a run, `distance` blocks behind its head.
FAST void
block_set_tail(struct block *b, unsigned distance)
{
    b->head_distance = (uint8_t)distance;
    store_relaxed(&b->owner, (struct owner *)((uintptr_t)(b - distance) | 1));
    block_set_state(b, BLOCK_TAIL);
}

// Debug builds: walks the free list and checks B2 and B3. Owner only.
void block_audit(const struct block *b);

#endif
