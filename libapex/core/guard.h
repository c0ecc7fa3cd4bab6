// SPDX-License-Identifier: MIT
//
// Pages that cannot be accessed (hardened profile), so that running off the end of memory stops at
// once, and what was freed and gave its pages back cannot be used:
//
//   superblock                                              G: guard page, or 16 KiB of such
//   +---------------+--------------+--------------+--     --+--------------+
//   | G  descr.  G  | chunks     G | chunks     G |   ...   | chunks     G |
//   +---------------+--------------+--------------+--     --+--------------+
//
// Behind each block is one, but for those inside a run; around the descriptors are four. So linear
// writes from chunks reach neither the next block nor any metadata. The object in a freed run of
// more than 64 KiB is guarded as a whole, until the run is used again.
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

// Free blocks became a run of `count`, and back; a run of `had` blocks became one of `count`.
// `first` is the address of the first block.
void guard_make_run(char *first, unsigned had, unsigned count);
void guard_break_run(char *first, unsigned count);

// A chunk of more than 64 KiB: its object cannot be accessed and has given its pages back; and the
// opposite, after which it reads as zero. False when the kernel refuses.
bool guard_hide(const struct block *b);
bool guard_show(const struct block *b);

#endif
