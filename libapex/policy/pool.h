// SPDX-License-Identifier: MIT
//
// The pool of superblocks: where heaps get blocks and runs, and where free memory waits, bounded,
// until it is used again or given back to the kernel. Also keeps the books of the whole process.
// One lock, held for list and bit work only; system calls that give memory back are made outside
// it. Any thread.
//
// By home (policy/numa.h): a superblock serves threads of the node that it was made for, and what
// is given back goes to it by its address, whoever gives it. A thread gets free memory of its own
// home, else new memory, and only if there is none any that is free. What may wait is bounded in
// sum: what has waited longest goes first, wherever it is, so that a node which is busy has the
// room that one which is not does not use.
//
// Fullest first: blocks are taken from the superblock with the fewest free ones that will do, so
// that others can become empty. Dirty first: among its blocks, those whose pages are there already.
//
// Giving back (DESIGN: bounded when the process falls asleep). Dirty memory, which is free blocks
// that may have pages, never exceeds dirty_floor + dirty_ratio % of active memory: whoever gives
// the block that exceeds it purges, oldest superblock first, down to half the bound. And what has
// been dirty for decay_ms is purged by whoever next comes by. A program that frees and takes the
// same memory in turns raises the bound by what was purged in one turn and missed in the next, up
// to POOL_REGRET_TIMES dirty_floor; the pool forgets that when it is not repeated.
//
// Invariants
//   P1  A superblock is in the bucket of its home, and there of its number of free blocks;
//       `nonempty` has the bits of those that hold any.
//   P2  A superblock is in `dirty_list` exactly if its `dirty` set is not empty.
//   P3  dirty + retained = free blocks * 64 KiB, but for blocks being purged at this moment.

#ifndef APEX_POLICY_POOL_H
#define APEX_POLICY_POOL_H

#include "abi/stats_page.h"
#include "core/large.h"
#include "core/superblock.h"
#include "policy/numa.h"

#define POOL_REGRET_TIMES 4

// Takes `count` blocks in a row (at most 63) and returns their first descriptor, state UNUSED,
// tails marked BLOCK_TAIL. Of `home`, if there is memory; the caller runs on `here`, for the books.
// NULL when there is no memory or the heap limit is reached. `clean`: reads as zero.
struct block *pool_take(unsigned count, unsigned home, unsigned here, bool *clean);

// The home of a block or run.
FAST unsigned
pool_home_of(const struct block *b)
{
    return superblock_of(b)->home;
}

// Lengthens a run of the caller's to `count` blocks where it stands; its descriptors say so
// afterwards. False when what lies behind it is not free, or the heap limit forbids it.
bool pool_extend(struct block *first, unsigned count);

// Gives back what pool_take returned. Nobody owns it from then on, and it is in no list of the
// caller's.
void pool_give(struct block *first);

// Enters a large object of `bytes` (whole pages) into the books, or takes it off. False when the
// heap limit forbids it.
bool pool_large_reserve(size_t bytes);
void pool_large_free(size_t bytes);

// A mapping changes its size; false when the heap limit forbids it.
bool pool_large_resize(size_t old_bytes, size_t new_bytes);

// Enters the faults raised since the last time into the books.
void pool_count_faults(void);

// How much freed large memory may be cached now, whether `bytes` of it are to be marked, and the
// time.
struct large_bounds pool_large_bounds(size_t bytes);

// A mapping turned out to be of another size than was entered: never refused.
void pool_large_adjust(size_t old_bytes, size_t new_bytes);

// Purges what is older than the decay time. Cheap when nothing is: call it from slow paths.
void pool_decay(void);
uint64_t pool_decay_ns(void);

// Free memory that may have pages, of superblocks and of large objects, in bytes, as it was when
// the books were last closed.
uint64_t pool_pending(void);

// For the one thread that purges by age: sleeps for at most `ns`, and no longer than until there is
// something that it might purge. pool_note_pending() says that there is, where the books do not.
void pool_await_pending(uint64_t ns);
SLOW void pool_wake(void);
extern uint32_t pool_awaited; // 1: that thread sleeps; atomic

FAST void
pool_note_pending(void)
{
    if (unlikely(load_relaxed(&pool_awaited) != 0)) {
        pool_wake();
    }
}

// For the statistic `resident`: asks the kernel about the next 4 MiB of superblocks and of large
// objects, no more often than each 10 ms, while the books are shown to somebody. The other asks
// about all.
void pool_look_some(void);
void pool_look_all(void);

// Purges all free memory but `keep_bytes`, and unmaps superblocks that are wholly free. Returns
// bytes given back.
size_t pool_trim(size_t keep_bytes);

// Part of the superblock of `b`, whose blocks are in use, is about to lose its pages: it is no
// candidate for huge pages any more, or the kernel would fill the holes again.
void pool_sparse(const struct block *b);

// Options have changed while the program runs: asks for huge pages, or for none, where superblocks
// stand otherwise now, and purges what a lower bound no longer allows.
void pool_retune(void);

// Adds to a counter or gauge of the process.
#define POOL_COUNT(field, delta) \
    pool_count(offsetof(struct apex_stats_process, field), (uint64_t)(delta))
void pool_count(size_t field_offset_bytes, uint64_t delta);

// The same for the books of a home.
#define POOL_COUNT_HOME(home, field, delta) \
    pool_count_home((home), offsetof(struct apex_stats_node, field), (uint64_t)(delta))
void pool_count_home(unsigned home, size_t field_offset_bytes, uint64_t delta);

// Copies the books.
void pool_stats(struct apex_stats_process *out);

// Copies those of a home; false when it has neither a node nor memory.
bool pool_home_stats(unsigned home, struct apex_stats_node *out);

// Says where the books are to be mirrored: to what these return at the time (NULL: nowhere).
// Once, before the second thread.
void pool_set_page(struct apex_stats_process *(*page_of)(void),
                   struct apex_stats_node *(*node_of)(unsigned home));

// From now on mirrors them, beginning now; and the map of the heap, to the page that is there now.
void pool_mirror(void);

// Calls `visit` for the first descriptor of every block or run that is in use. Only while no other
// thread exists: the child of a fork.
void pool_visit_blocks(void (*visit)(struct block *block, void *context), void *context);

// A look at the blocks in use while other threads go on, in pieces, so that no lock is held between
// them. From begin to end no superblock is unmapped.
struct pool_walk {
    const struct superblock *sb; // the next one
    unsigned block;              // and in it
};

// `visit` is called under the pool's lock, and may read the descriptor and the memory of the block,
// both of which may change at any moment. False: it has seen enough for now, and is called for the
// same block again next time.
typedef bool pool_walk_fn(const struct block *block, void *context);

void pool_walk_begin(struct pool_walk *walk);
// Goes on; false when all blocks have been visited.
bool pool_walk_on(struct pool_walk *walk, pool_walk_fn *visit, void *context);
void pool_walk_end(struct pool_walk *walk);

// The same for superblocks as wholes, the next `most` of them; false when all have been visited.
// One walk goes on with either of the two.
typedef void pool_superblock_fn(const struct superblock *sb, void *context);
bool pool_walk_superblocks(struct pool_walk *walk, unsigned most, pool_superblock_fn *visit,
                           void *context);

// Purges those free blocks that `away` tells of the dirty ones of each superblock. It is called
// without the lock, for blocks that nobody can take meanwhile.
typedef uint64_t pool_away_fn(const struct superblock *sb, uint64_t blocks);
void pool_rehome(pool_away_fn *away);

void pool_audit(void);

void pool_fork_prepare(void);
void pool_fork_parent(void);
void pool_fork_child(void);

#endif
