// SPDX-License-Identifier: MIT
//
// The empty blocks that a thread keeps at hand, by length, so that its next need costs neither the
// pool's lock nor a search. How many it may keep is the heap's business. Owner only.
//
//   bin[1]   blocks of 64 KiB, of any class          newest <-> … <-> oldest
//   bin[2]   runs of two, …
//   …
//   bin[16]  runs of sixteen: 1 MiB
//
// Invariant
//   I1  A block in bin[n] is IDLE, empty, and n blocks long; bit n of `bins` says that there is
//       one; `blocks` is the sum of lengths.

#ifndef APEX_POLICY_IDLE_H
#define APEX_POLICY_IDLE_H

#include "base/bits.h"
#include "core/block.h"

#define IDLE_LENGTH_MAX (RUN_BYTES_MAX / BLOCK_BYTES)

struct idle {
    struct list bin[IDLE_LENGTH_MAX + 1];
    uint32_t bins;
    uint32_t blocks;
    unsigned hand; // the bin that gave a victim last
};

void idle_init(struct idle *idle);

// The block's state is the caller's to set; it is in no list before and none after.
FAST void
idle_put(struct idle *idle, struct block *b)
{
    apex_assert(b->run_blocks <= IDLE_LENGTH_MAX);
    list_push(&idle->bin[b->run_blocks], &b->link);
    idle->bins |= 1u << b->run_blocks;
    idle->blocks += b->run_blocks;
}

FAST void
idle_remove(struct idle *idle, struct block *b)
{
    list_remove(&b->link);
    if (list_empty(&idle->bin[b->run_blocks])) {
        idle->bins &= ~(1u << b->run_blocks);
    }
    idle->blocks -= b->run_blocks;
}

// The newest of the shortest that are from `length_min` to `length_max` blocks long, which stays
// where it is; NULL when there is none.
FAST struct block *
idle_newest(const struct idle *idle, unsigned length_min, unsigned length_max)
{
    uint64_t fit = idle->bins & bits_range(length_min, length_max - length_min + 1);
    return fit == 0 ? NULL : list_entry(idle->bin[bits_lowest(fit)].next, struct block, link);
}

// The best block for class `c`, which stays where it is; NULL when there is none. It is from
// `length` to `length_max` blocks long, the shorter the better, and may be one of another class.
struct block *idle_find(const struct idle *idle, unsigned c, unsigned length,
                        unsigned length_max);

// The one to part with next, which stays where it is; NULL when there is none. The oldest of a bin,
// one bin after the other.
struct block *idle_victim(struct idle *idle);

#endif
