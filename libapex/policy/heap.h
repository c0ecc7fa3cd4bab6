// SPDX-License-Identifier: MIT
//
// A thread's heap: for each size class the block it allocates from, and the blocks that have room.
// Only its thread touches it, but for the inbox, and for the moment of a fork or of registration
// with apexd.
//
// Heaps are never unmapped: a sender may look at the inbox of a heap whose thread has just gone. An
// exited thread's heap waits, empty, for the next thread, and keeps its counters and its slot on
// the stats page.
//
// Invariants
//   H1  Each block owned by a heap is CURRENT and in `current`, or AVAILABLE and in `available` of
//       its class, or FULL and in `full`, or IDLE and in `idle`, where there are at most
//       heap_idle_part or a share of what the heap owns. `blocks` is the sum of all.
//   H2  An AVAILABLE or FULL block has live chunks, so it will see an event when the last one is
//       freed.
//   H3  direct[n] is the current block of the class of 16 * n bytes; direct[0] has no room, so that
//       malloc(0) leaves the fast path (core/empty.h).
//   H4  A run of a class from CLASS_RUN on is FULL or IDLE, never CURRENT: what is freed is at hand
//       for all these classes, and under the bound of what is idle.
//       While the heap profile is on it is that block's ration (core/ration.h), and `rationed`.
//   H5  At most BATCH_BYTES_MAX of chunks in each of BATCH_SLOTS batches that are open, and of
//       PARKED_MAX that are not, await delivery.
//   H6  Every IDLE block is of the home of the heap, if there are several: what empties elsewhere
//       goes back there, and when the heap takes to another home, all go.
//   H7  Blocks in `idle` are shown as idle, but the newest of each length may still be shown as it
//       was in use. So a program that allocates and frees one run in turns writes to no word that
//       lies in a cache line with those of other threads.

#ifndef APEX_POLICY_HEAP_H
#define APEX_POLICY_HEAP_H

#include "abi/stats_page.h"
#include "base/rng.h"
#include "core/ration.h"
#include "core/remote.h"
#include "policy/gate.h"
#include "policy/numa.h"
#include "policy/idle.h"
#include "policy/quarantine.h"
#include "policy/sampler.h"

// Requests up to here find their block without a look at the table of classes.
#define DIRECT_BYTES_MAX 1024
#define DIRECT_COUNT (DIRECT_BYTES_MAX / ALIGN_BYTES + 1)

// Empty blocks a thread may keep for its next need, in units of 64 KiB: an eighth of all that it
// owns, or its part of 16 MiB for all threads, from 256 KiB to 2 MiB.
#define IDLE_SHARE 8
#define IDLE_TOTAL 256
#define IDLE_PART_MIN 4
#define IDLE_PART_MAX 32

#define HOME_PART_MIN 8
#define HOME_REGRET_TIMES 8

#define BATCH_SLOTS 32
#define PARKED_MAX 16
#define BATCH_BYTES_MAX 4096

// Chunks of one foreign block, linked, on their way to its owner.
struct heap_batch {
    struct block *block; // NULL when empty
    struct chunk *head;
    struct chunk *tail;
    uint32_t count;
    uint32_t count_max;
};

struct heap {
    struct owner owner; // first member: block->owner points here; written by any thread
    CACHE_ALIGNED struct block *direct[DIRECT_COUNT]; // by size in granules: `current` of its class
    struct block *current[CLASS_RUN];
    struct list available[CLASS_RUN]; // newest first
    struct list full;
    struct idle idle;
    uint32_t blocks; // owned, in units of 64 KiB
    struct heap_batch batch[BATCH_SLOTS];
    struct heap_batch parked[PARKED_MAX]; // they had to leave their slots
    unsigned parked_count;
    struct quarantine quarantine; // hardened profile
    struct gate_pass pass;
    struct rng rng;
    struct sampler_clock sample; // only looked at while the profile is on, as is the next
    uint64_t due[CLASS_RUN];     // chunks until the next sample that are not rationed out
    bool rationed;
    uint32_t ticks;       // slow allocations, those of large objects among them
    uint32_t tick_mask;   // housekeeping is due when these bits of `ticks` are 0
    uint64_t ticked_ns;   // when it was last done
    uint32_t drains;                // how often it looked into its inbox; atomic
    uint32_t drains_seen;           // by the sweep for sleepers, under its lock
    uint32_t home_regret;           // swept, and then missed at once: so much more may wait; atomic
    uint64_t swept_ns;              // when somebody last swept it; atomic
    uint8_t home;                   // whose memory it takes (policy/numa.h)
    uint8_t here;                   // where its thread was last seen
    uint16_t away;                  // refills in a row for which that was the same other node
    uint64_t freed[NUMA_HOMES];     // chunks of others, by home, that are yet to be entered
    uint32_t index;                 // heaps are numbered in the order of their making
    struct apex_stats_thread stats; // the truth; `slot` mirrors it
    struct apex_stats_thread *slot; // atomic: set by whoever made the page, taken away by the owner
    struct heap *next_made;         // all heaps, newest first; immutable
    struct heap *next_idle;         // under the heaps lock
    bool live;                      // has a thread
    bool late;                      // which has closed one, and may end without closing this
};

// What the levels above lend to the heap. Set once, before the first heap.
struct heap_hooks {
    // The slot of heap `index` on the stats page; NULL when there is no page.
    struct apex_stats_thread *(*slot_of)(unsigned index);
    // Called now and then from slow paths: a chance to look after registration and advice.
    void (*tick)(void);
    // The same where the program asks for memory, so that the hook may ask libc for what allocates.
    void (*tick_alloc)(void);
    // Called when more than heap_home_part came home in full to `sleeper`, another heap, and waits.
    void (*crowded)(struct heap *sleeper);
};

// Before its first allocation a thread has this heap: every class is empty, nothing is ever stored
// to it.
extern const struct heap heap_none;

// The same after its heap was closed: a destructor that runs later still may free, unbatched.
extern const struct heap heap_gone;

// The heap of the calling thread, and the size from which on allocations leave the fast path: the
// first without an entry in `direct`; a smaller one while the profile is on, DIRECT_WATCHED. Two
// words are all the static TLS that libapex takes, so that it can be loaded late ("cannot allocate
// memory in static TLS block"). Both are 0 until the dynamic linker has given thread-local data its
// first values.
#define DIRECT_END (DIRECT_BYTES_MAX + 1)
#define DIRECT_WATCHED (PROFILE_HEADER ? 0 : DIRECT_BYTES_MAX)

struct heap_self {
    struct heap *heap;
    size_t direct_end;
};

extern __thread struct heap_self heap_self;

// What each thread may keep however little it owns; set by policy/heaps.c as threads come and go.
extern uint32_t heap_idle_part; // atomic

// How much may come home in full to a thread that does not look, in units of 64 KiB: its part of
// `dirty_floor`, and HOME_PART_MIN at least. Set where heap_idle_part is. A thread that waits for
// others to free what it allocates next is no sleeper, but looks like one: when it takes blocks
// that were swept a moment ago, as much more may wait from then on, up to HOME_REGRET_TIMES the
// floor.
extern uint32_t heap_home_part; // atomic

void heap_set_hooks(const struct heap_hooks *hooks);

// Where the calling thread is becomes the home of its heap, which holds no blocks: a new one.
void heap_settle_in(struct heap *heap);

// Takes over for the calling thread, whose heap it is, whether the profile is on, and its rate.
void heap_watch(struct heap *heap);

// True while the profile is on for the calling thread, or while thread-local data is not there yet.
FAST bool
heap_is_watched(void)
{
    return unlikely(heap_self.direct_end != DIRECT_END);
}

// While the profile is on, and the ration of class `c` is used up: an allocation out of the next
// one. NULL when there is no chunk at hand, and heap_count_watched() is to be called for whatever
// serves instead; or when the allocation is to be sampled, then *weight is not 0.
void *heap_alloc_ration(struct heap *heap, unsigned c, uint64_t *weight);
void heap_count_watched(struct heap *heap, unsigned c);

// Puts what is rationed out back into the blocks' lists, for whoever looks at these.
void heap_recall_all(struct heap *heap);

// Housekeeping, if it is due (then true; on each 16th call at the latest): for what comes as seldom
// as a slow allocation, and counts as one.
bool heap_tick(struct heap *heap);

// The same where the program asks for memory, and libc may be asked for what allocates.
void heap_tick_alloc(struct heap *heap);

// Allocates from any class `c` when the fast path cannot. NULL when there is no memory. `zeroed`:
// the chunk reads as zero, but for its first ALIGN_BYTES.
APART void *heap_alloc_slow(struct heap *heap, unsigned c, bool *zeroed);

// Enters a request that heap_alloc_slow has served by class `c`.
void heap_count_request(struct heap *heap, size_t requested_bytes, unsigned c);

// What most calls that leave the fast path need, and no more: the next chunks of the current block,
// and, from CLASS_RUN on, a run that is at hand. NULL: ask heap_alloc_slow. The first may be asked
// for heap_none.
void *heap_alloc_carve(struct heap *heap, unsigned c);
void *heap_alloc_idle_run(struct heap *heap, unsigned c);

// Makes a run of this heap's, whose chunk is out, one of the larger class `c`, where it stands.
// False when that is impossible.
bool heap_grow_run(struct heap *heap, struct block *b, unsigned c);

// After block_push() returned true.
APART void heap_free_event(struct heap *heap, struct block *b);

// Frees a chunk of a block that `heap` does not own. The caller has checked that it is a live
// chunk.
void heap_free_remote(struct heap *heap, struct block *b, struct chunk *chunk);

// The same for a thread that has no heap and can get none.
void heap_free_remote_unbatched(struct block *b, struct chunk *chunk);

// Into the block's own list, or on its way to the owner's. The chunk is live and has been checked.
FAST void
heap_free(struct heap *heap, struct block *b, struct chunk *chunk)
{
    if (load_relaxed(&b->owner) != &heap->owner) {
        heap_free_remote(heap, b, chunk);
    } else if (unlikely(block_push(b, chunk))) {
        heap_free_event(heap, b);
    }
}

// The same by way of the quarantine: other chunks are freed in its place, now or later. The chunk,
// of class `c`, is marked as QUARANTINED.
APART void heap_quarantine_rest(struct heap *heap, struct chunk *out);

FAST void
heap_quarantine(struct heap *heap, unsigned c, struct chunk *chunk)
{
    struct chunk *out = quarantine_put(&heap->quarantine, c, chunk);

    if (unlikely(out != NULL) ||
        unlikely(heap->quarantine.bytes > heap->quarantine.bytes_max)) {
        heap_quarantine_rest(heap, out);
    }
}

// A chunk that has been in quarantine for long enough; NULL when none has.
FAST struct chunk *
heap_reuse(struct heap *heap, unsigned c)
{
    return PROFILE_QUARANTINE ? quarantine_take(&heap->quarantine, c) : NULL;
}

// Delivers what is batched, takes what is in the inbox, gives empty blocks to the pool.
void heap_collect(struct heap *heap);

// Takes what is in the inbox.
void heap_drain(struct heap *heap);

// Makes the heap empty, without looking at what it held: a new one, or that of a thread that is
// not there in the child of a fork. heap_abandon_all leaves it so, too.
void heap_reset(struct heap *heap);

// At thread exit: delivers, gives every block to the pool or the orphanage, closes the inbox.
void heap_abandon_all(struct heap *heap);

// Enters the change of a block's live chunks since the last time.
void heap_settle(struct heap *heap, struct block *b);

// The same for all blocks of the heap, after delivering what it has freed of others and taking what
// others have freed: so its figures are exact, and those of others will be when they do the same.
// Owner only.
void heap_settle_all(struct heap *heap);

// An orphan_lost_fn; `heap` is a struct heap.
void heap_orphans_lost(void *heap, unsigned c, uint32_t count);

// The heap's slot on the stats page, NULL when there is no page. Heaps beyond the slots of the page
// share its last one, by addition; the others own theirs.
struct apex_stats_thread *heap_page_slot(const struct heap *heap);
bool heap_shares_slot(const struct heap *heap);

// Copies, or adds, all counters to `slot`; NULL: does nothing. Under the lock of the list of heaps.
void heap_mirror(struct heap *heap, struct apex_stats_thread *slot);

// Says in a slot of the heap's own whose it is now.
void heap_mark_slot(const struct heap *heap, struct apex_stats_thread *slot);

// Debug builds: checks H1 and every block of the heap. Owner only.
void heap_audit(struct heap *heap);

// The same while the profile is on: out of the ration of a class below CLASS_RUN.
FAST void *
heap_alloc_watched(struct heap *heap, unsigned c)
{
    struct block *b = heap->current[c];
    return unlikely(b->capacity == 0) ? NULL : block_pop(ration_of(b)); // there is no block yet
}

// The fast path of classes below CLASS_RUN.
FAST void *
heap_alloc(struct heap *heap, unsigned c)
{
    return block_pop(heap->current[c]);
}

#endif
