// SPDX-License-Identifier: MIT
//
// A superblock's own record: which of its 64 blocks are free, and which of those may hold pages. It
// lives in the descriptor of block 0, which describes no chunks. Pure bookkeeping on bit sets:
// whoever calls holds the lock of the pool that the superblock belongs to.
//
// Invariants
//   S1  Bit 0 of `free` is never set: block 0 holds the descriptors.
//   S2  `dirty` is a subset of `free`: pages of blocks in use are nobody's business here.
//   S3  A free block that is not dirty reads as zero.
//   S4  `lazy` is a subset of `dirty`: the kernel may take the pages of these when it wants.

#ifndef APEX_CORE_SUPERBLOCK_H
#define APEX_CORE_SUPERBLOCK_H

#include "base/list.h"
#include "core/block.h"

#define SUPERBLOCK_MAGIC UINT64_C(0x6b636f6c42706153) // "SapBlock"
#define SUPERBLOCK_USABLE_BLOCKS (BLOCK_COUNT - 1)

struct superblock {
    uint64_t magic;
    uint64_t free;
    uint64_t dirty;
    struct list link;       // in the pool, by number of free blocks
    struct list dirty_link; // in the pool, those with dirty blocks, oldest first
    uint64_t dirtied_ns;    // when the oldest of the dirty blocks may have become dirty
    struct list all_link;   // in the pool, every superblock
    bool huge;              // huge pages were asked for
    bool bound;             // pages come from its home, whoever touches them first
    uint8_t home;           // index of the node whose threads it serves (policy/numa.h)
    uint8_t run_max;        // no longer run of free blocks is there; a bound, found by searching
    uint32_t map_row;       // its row in the map (core/heapmap.h)
    uint32_t node;          // the same as the kernel numbers it
    uint32_t resident_bytes; // of all its blocks, as last looked at; what was taken since counts
    uint64_t lazy;          // blocks, as `free` and `dirty`
    uint8_t guards;         // around blocks 0 and 1 to 63, of those that count (core/guard.h)
};

_Static_assert(sizeof(struct superblock) <= DESCRIPTOR_BYTES, "it takes the place of a descriptor");
// A wild pointer into block 0 makes free() read this as a block's owner. It is nobody, and no tail.
_Static_assert(offsetof(struct superblock, all_link) == offsetof(struct block, owner), "a pointer");

FAST struct superblock *
superblock_of(const void *p)
{
    return geometry_descriptor(geometry_superblock_base(p));
}

FAST char *
superblock_block_address(const struct superblock *sb, unsigned index)
{
    return geometry_superblock_base(sb) + (uint64_t)index * BLOCK_BYTES;
}

FAST struct block *
superblock_block(const struct superblock *sb, unsigned index)
{
    return geometry_descriptor(superblock_block_address(sb, index));
}

FAST unsigned
superblock_free_count(const struct superblock *sb)
{
    return bits_count(sb->free);
}

// Makes the record in fresh, zeroed, committed space; all blocks free and clean.
struct superblock *superblock_init(char *base, unsigned home, unsigned node);

// Takes `count` blocks in a row, dirty ones rather than clean ones, since their pages are there
// already; from the block `from` on, if possible. The index of the first, or -1. `clean` says
// whether all of them read as zero.
int superblock_take(struct superblock *sb, unsigned count, unsigned from, bool *clean);

// Takes exactly those blocks; false when one of them is not free.
bool superblock_take_at(struct superblock *sb, unsigned first, unsigned count);

// Gives blocks back. They are dirty from now on.
void superblock_give(struct superblock *sb, unsigned first, unsigned count);

// Takes the dirty blocks out of `free` to purge them without the lock; superblock_purged() puts
// them back, clean if `clean`.
uint64_t superblock_take_dirty(struct superblock *sb);

// The same for those that are not lazy yet; superblock_marked() puts them back, lazy if `lazy`.
uint64_t superblock_take_unmarked(struct superblock *sb);
void superblock_marked(struct superblock *sb, uint64_t blocks, bool lazy);

void superblock_purged(struct superblock *sb, uint64_t blocks, bool clean);

void superblock_audit(const struct superblock *sb);

#endif
