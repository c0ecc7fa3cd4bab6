// SPDX-License-Identifier: MIT
//
// The map of the heap that others see (abi/stats_page.h): one word for each block, one row for each
// large object, kept up to date on slow paths, so that the heap of a process that sleeps can be
// drawn without waking it.
//
// What is shown is kept here and in the descriptors, whether there is a page or not, and mirrored
// to the page when there is one; so a new page can be filled at any time, by any thread, without a
// look at what only an owner may read.
//
//   owner, or the pool          whoever made a page
//     block.shown = word          for each block: page = block.shown,
//     page = word                 again while they differ
//
// Threads: the word of a block is written by whoever may change the block: its owner, or the holder
// of the lock of the list it is in. Rows come and go under the lock that is named below.
//
// Invariants
//   M1  A superblock with a row has been entered and not left; no two have the same. Row 0 means
//       none: there was no room.
//   M2  A block in use with `used` live chunks and
//       shown_least <= used < shown_least + shown_span is shown in use, with a fill that is less
//       than a quarter of its chunks off; and as full if it is full.

#ifndef APEX_CORE_HEAPMAP_H
#define APEX_CORE_HEAPMAP_H

#include "abi/stats_page.h"
#include "core/superblock.h"

// Where the page is, for those who write to it at every other event: in memory that the kernel
// wipes in a child made without CLONE_VM, which so does not write to its parent's page.
struct heapmap_sight {
    struct apex_stats_superblock *superblock; // the rows; NULL when there is no page; atomic
    uint32_t rows;                            // so many; atomic
    uint32_t reserved;
};

// Never NULL; atomic. Whoever makes the page may replace it.
extern struct heapmap_sight *heapmap_sight;

// The rows of the superblocks of the page that is there, else NULL.
FAST struct apex_stats_superblock *
heapmap_page(void)
{
    // Both pair with the releases of whoever made the page (view/stats_page.c).
    return load_acquire(&load_acquire(&heapmap_sight)->superblock);
}

// What the levels above lend: a superblock has a row that the page has no room for; where the row
// of a large object is, NULL when there is no page.
struct heapmap_hooks {
    void (*ask)(uint32_t row);
    struct apex_stats_large *(*large_of)(uint32_t row);
};

// Once, before the second thread. Without hooks nothing is mirrored.
void heapmap_set_hooks(const struct heapmap_hooks *hooks);

// The row of a superblock; NULL for row 0, when there is no page, or when this one has no such row.
// A row beyond the page makes a longer one due. Under no lock but the pool's.
struct apex_stats_superblock *heapmap_superblock(uint32_t row);

// --- Superblocks: under the pool's lock ---

// Gives a superblock a row. All of its blocks are free and clean.
void heapmap_enter(struct superblock *sb);

// Takes it away, before the superblock is unmapped.
void heapmap_leave(struct superblock *sb);

// Shows the superblock's own words again, after `huge` has changed.
void heapmap_show_superblock(const struct superblock *sb);

// Copies the words of a superblock to a page that was made since.
void heapmap_mirror(const struct superblock *sb);

// --- Blocks ---

#define HEAPMAP_FILL_FULL 255u
#define HEAPMAP_WORD(class, state, owner, fill)                                  \
    ((uint32_t)(class) | (uint32_t)(state) << 8 | (uint32_t)(owner) << 16 | \
     (uint32_t)(fill) << 24)

// Shows a block or run in use or idle, as its fields say; `owner` is a thread slot, or one of
// APEX_OWNER_*. Whoever may change the block.
void heapmap_show(struct block *b, unsigned owner);

// True if what is shown of a block in use is near enough to what it is, if its class and owner
// have not changed since: then heapmap_show() can be left out. The words of sixteen blocks share a
// cache line, and the blocks may be those of as many threads: blocks that fill up and have an
// eighth freed in turns must not have their threads wait for that line each time.
FAST bool
heapmap_tells(const struct block *b)
{
    return (uint16_t)(block_used(b) - b->shown_least) < b->shown_span;
}

// The owner changes: the next heapmap_tells() is false.
FAST void
heapmap_forget(struct block *b)
{
    b->shown_span = 0;
}

// Whether a block is shown as idle.
FAST bool
heapmap_shows_idle(const struct block *b)
{
    return (uint8_t)(b->shown >> 8) == APEX_BLOCK_IDLE;
}

// Debug builds: M2, of a block of `owner` that is in use. Whoever may change the block.
void heapmap_audit(const struct block *b, unsigned owner);

// A run of `count` blocks was taken, of which the first `have` were taken already; the pool's lock.
void heapmap_show_taken(struct block *first, unsigned have, unsigned count);

// The blocks of `sb` whose bits are set are free: DIRTY or CLEAN. The pool's lock.
void heapmap_show_free(struct superblock *sb, uint64_t blocks, enum apex_block_state state);

// --- Large objects: whoever made the record BUSY, or has it under the lock of large.c ---

// Under the lock of large.c: takes a row, 0 when there is none, and gives it back.
uint32_t heapmap_large_enter(void);
void heapmap_large_leave(uint32_t row);

void heapmap_large_show(uint32_t row, const void *base, size_t bytes, enum apex_large_state state);

// Copies all rows to a page that was made since.
void heapmap_large_mirror(void);

#endif
