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
// next block nor any metadata, and far ones hit what is in use or fault.
//
// Linux from 6.13 on keeps guards in the page tables; before, each splits a mapping in three, and
// there is a budget of so many (os.h:os_guard), after which blocks go without. Systems with pages
// of more than 4 KiB go without.
//
// What is guarded of a block is noted in its descriptor, so that a run that comes back from the
// pool as it went there costs no system call. The blocks belong to the caller. No locks.

#ifndef APEX_CORE_GUARD_H
#define APEX_CORE_GUARD_H

#include "core/block.h"

enum guard_fence {
    FENCE_ALL = 0, // all of it, as in a new superblock
    FENCE_PAGE,    // its last page
    FENCE_NONE,
};

// A new superblock, all of whose blocks are free.
void guard_superblock(char *base);

// The run of `had` blocks, 0 if it is new, whose first is `first`, has become one of `count`.
void guard_make_run(struct block *first, unsigned had, unsigned count);

// Free blocks give their pages back. Not 0 when the kernel refuses; then they are as they were.
int guard_purge(struct block *first, unsigned count);

#endif
