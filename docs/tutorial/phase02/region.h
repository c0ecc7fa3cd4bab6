// SPDX-License-Identifier: MIT
//
// The region: one piece of address space, in blocks. The first blocks hold the descriptors of all.
//
//   region, at a multiple of 64 KiB
//   +-------------+---------+---------+---------+---
//   | descriptors | block n | block   | block   | …
//   +-----|-------+----^----+---------+---------+---
//         +------------+  the number of a block leads from one to the other
//
// One thread at a time.

#ifndef TINY_REGION_H
#define TINY_REGION_H

#include "block.h"

#define REGION_BYTES ((size_t)16 << 30)
#define REGION_BLOCKS (REGION_BYTES / BLOCK_BYTES)
#define REGION_TABLE_BLOCKS (REGION_BLOCKS * sizeof(struct block) / BLOCK_BYTES)

// Takes a run of blocks whose memory begins at a multiple of `align`, a power of two. The first is
// LARGE, the others are TAIL. NULL when there is no such run.
struct block *region_take(size_t blocks, size_t align);

// Gives a run back: its first block, with run_blocks as it was.
void region_give(struct block *block);

// The descriptor of the 64 KiB in which `p` lies, and the memory of a descriptor's block.
struct block *region_block_of(const void *p);
char *region_memory(const struct block *block);

// The descriptors in the order of the blocks, up to the last that was ever in use. Returns their
// number; 0 before the first region_take().
size_t region_table(const struct block **first);

#endif
