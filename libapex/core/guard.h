// SPDX-License-Identifier: MIT
//
// Pages that cannot be accessed (hardened profile), so that running off the end of memory stops at
// once, and what was freed and gave its pages back cannot be used:
//
//   superblock                                       G: guarded
//   +---------------+--------------+--------------+--------------+--     --+
//   | G  descr.  G  | chunks     G | chunks     G | GGGGGGGGGGGG |   ...   |
//   +---------------+--------------+--------------+--------------+--     --+
//                                                   free and clean
//
// Behind each block is a page, but for those inside a run; 16 KiB on each side of the descriptors;
// and all blocks that are free and hold no pages. So linear writes from chunks reach neither the
// next block nor any metadata, and far ones hit what is in use or fault. The object in a freed run
// of more than 64 KiB is guarded as a whole, until the run is used again.
//
// Linux from 6.13 on keeps guards in the page tables; before, each splits a mapping in three, and
// there is a budget of so many (os.h:os_guard), after which blocks go without. Systems with pages
// of more than 4 KiB go without.
//
// The blocks belong to the caller. No locks.

#ifndef APEX_CORE_GUARD_H
#define APEX_CORE_GUARD_H

#include "core/block.h"

// A new superblock, all of whose blocks are free.
void guard_superblock(char *base);

// A run of `had` blocks, 0 if it is new, has become one of `count`; `first` is the address of its
// first block. `dirty`: none of the blocks that came was clean.
void guard_make_run(char *first, unsigned had, unsigned count, bool dirty);

// It is free blocks again, which are dirty.
void guard_break_run(char *first, unsigned count);

// Free blocks give their pages back. Not 0 when the kernel refuses; then they are as they were.
int guard_purge(char *first, unsigned count);

// A chunk of more than 64 KiB: its object cannot be accessed and has given its pages back; and the
// opposite, after which it reads as zero. False when the kernel refuses, and from then on for good
// when it has refused to hide one: what is shown may never have been hidden, and hold anything.
bool guard_hide(const struct block *b);
bool guard_show(const struct block *b);

#endif
