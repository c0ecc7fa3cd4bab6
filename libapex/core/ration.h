// SPDX-License-Identifier: MIT
//
// A ration: so many chunks of a block as malloc may take before it has to come back and be counted.
// While the heap profile is on, malloc pops from a second descriptor of the block, its ration, and
// free pushes onto the block's own list as ever. So a chunk that is popped was rationed out once,
// and allocations are counted when a ration is filled, not each by itself
// (docs/decisions/0026-counting-by-rations.md).
//
// A ration lies beside the block's descriptor, in the next colour of the table (core/geometry.h):
// in the same superblock, so that block_pop() takes it for a block, and in pages that nothing else
// uses. Of its fields `free`, `credit`, `settled` and `pop_key` have a meaning.
//
// Invariants
//   N1  A ration holds chunks only while its block is CURRENT and its heap under the profile; what
//       it says at other times means nothing, and ration_start() clears it.
//   N2  Chunks in a ration are marked as free, and count as used in their block.
//
// Owner only. Not in the hardened library, where each allocation is counted.

#ifndef APEX_CORE_RATION_H
#define APEX_CORE_RATION_H

#include "core/block.h"

// Short rations would be filled too often: a list of fewer bytes is lengthened by so many.
#define RATION_BYTES_MIN 2048
#define RATION_BYTES_ADDED 4096

FAST struct block *
ration_of(const struct block *b)
{
    return (struct block *)((uintptr_t)b ^ BLOCK_COUNT * DESCRIPTOR_BYTES);
}

// The block's ration, empty.
struct block *ration_start(const struct block *b);

// So many chunks are in the block's list.
FAST uint32_t
ration_at_hand(const struct block *b)
{
    return (uint32_t)b->carved - block_used(b);
}

// Makes all chunks of the block's list, of which there are `count`, its ration, which was empty.
FAST void
ration_fill_all(struct block *b, uint32_t count)
{
    struct block *ration = ration_of(b);

    ration->free = b->free;
    ration->credit = 0;
    ration->settled = count;
    b->free = NULL;
    b->credit += count;
}

// The same with the first `count` of them, at least 1 and not all. How many: 0 when the list is
// broken.
uint32_t ration_fill_part(struct block *b, uint32_t count);

// Cuts the next chunks, RATION_BYTES_ADDED of them or as many as are left, and puts them in front
// of the block's list. How many.
uint32_t ration_add(struct block *b, struct rng *rng);

// Puts what is left of the ration back at the front of the block's list; `*count` says how many.
// False when the ration's list is broken: what was in it counts as used for good.
bool ration_recall(struct block *b, uint32_t *count);

// So many chunks of what counts as used were not allocated.
FAST uint32_t
ration_left(const struct block *b)
{
    const struct block *ration = ration_of(b);
    return ration->settled - ration->credit;
}

#endif
