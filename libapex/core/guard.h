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
// Linux from 6.13 on keeps guards in the page tables, but in locked memory (mlockall). There, and
// before, each splits a mapping in three, and the kernel lets a process have 65530. So those are
// counted, and no more than GUARD_COUNTED_MAX are made (guard.c). When they are used up, new
// superblocks, blocks that are taken and blocks that give their pages back go without, until some
// guards have ended. Systems with pages of more than 4 KiB go without.
//
// What is guarded of a block is noted in its descriptor, so that a run that comes back from the
// pool as it went there costs no system call. A guard that counts is noted where it cannot be lost:
// a page at its block; a stretch of whole blocks at the first of them, and whoever takes that one
// has it for his page, or ends it. The stretch behind a page, or behind the descriptors, is one
// mapping with it and counts no further: the page that splits it does. Where a run had to go
// without, the stretch behind it is one mapping more than counts; that ends when the stretch does.
//
// The blocks belong to the caller. No locks.

#ifndef APEX_CORE_GUARD_H
#define APEX_CORE_GUARD_H

#include "core/block.h"

enum guard_fence {
    FENCE_ALL = 0, // all of it, as in a new superblock
    FENCE_PAGE,    // its last page
    FENCE_NONE,
    FENCE_KIND = 3,    // mask: one of these
    FENCE_COUNTED = 4, // besides: a guard that costs mappings begins here
};

// A new superblock, all of whose blocks are free.
void guard_superblock(char *base);

// Unmaps one, all of whose blocks are free. ENOMEM: all of it is still there.
int guard_release(char *base);

// The run of `had` blocks, 0 if it is new, whose first is `first`, has become one of `count`. False
// when the kernel would not open one of those that came, for want of mappings: then they may be
// used no more than before, though some of them, and the last page of the run, may be open.
bool guard_make_run(struct block *first, unsigned had, unsigned count);

// Free blocks give their pages back. Not 0 when the kernel refuses; then they have kept them.
int guard_purge(struct block *first, unsigned count);

#endif
