// SPDX-License-Identifier: MIT
//
// A superblock: 4 MiB at a multiple of 4 MiB, in 64 blocks. The first holds the descriptors of all.
//
//   +----------------+---------+---------+-- --+----------+
//   | span, bit sets,| block 1 | block 2 |  …  | block 63 |
//   | descriptors    |         |         |     |          |
//   +-----|----------+----^----+---------+-- --+----------+
//         +---------------+   the number of a block leads from one to the other
//
// One thread at a time, but for superblock_block_of and superblock_memory.

#ifndef TINY_SUPERBLOCK_H
#define TINY_SUPERBLOCK_H

#include "block.h"
#include "registry.h"

#include <stdbool.h>

enum { SUPERBLOCK_BLOCKS = 64, RUN_BLOCKS_MAX = 32 };

struct superblock {
    struct span span;
    uint64_t free;      // a bit for each block that is nobody's; never the first
    uint64_t committed; // for each that may be touched
    struct superblock *next, *previous;
    struct block block[SUPERBLOCK_BLOCKS];
};

_Static_assert(sizeof(struct superblock) <= BLOCK_BYTES, "the descriptors fit the first block");

// Takes a run of up to RUN_BLOCKS_MAX blocks whose memory begins at a multiple of `align`, a power
// of two up to that size. The first is LARGE, the others are TAIL. NULL when there is no memory.
struct block *superblock_take(size_t blocks, size_t align);

// Gives a run back: its first block, with run_blocks as it was. An empty superblock goes back to
// the kernel, unless it is the last.
void superblock_give(struct block *block);

// The descriptor of the block in which `p` lies, an object of a superblock; the memory of a
// descriptor's block.
struct block *superblock_block_of(const void *p);
char *superblock_memory(const struct block *block);

// All superblocks, by their `next`.
const struct superblock *superblock_first(void);

// --- For superblock_run.c ---

extern struct superblock *superblock_list; // all of them, by their `next`

// The superblock in which `p` lies.
struct superblock *superblock_of(const void *p);

// The bits from `at` on, `blocks` of them.
uint64_t superblock_bits(size_t at, size_t blocks);

// A new one, in the list, with all blocks but the first free. NULL when there is no memory.
struct superblock *superblock_make(void);

// The number of the first block of a run in `sb`, 0 when there is none.
size_t superblock_find(const struct superblock *sb, size_t blocks, size_t align);

// An empty superblock goes back to the kernel, unless it is the only one (P3). True if it has gone.
bool superblock_settle(struct superblock *sb);

#endif
