// SPDX-License-Identifier: MIT
//
// One thread's heap: the slow half of malloc and free, what a thread owes others when it ends, and
// its statistics.

#include "policy/heap.h"

#include "base/constants.h"
#include "core/guard.h"
#include "core/heapmap.h"
#include "core/meta.h"
#include "core/seal.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy/config.h"
#include "policy/orphan.h"
#include "policy/pool.h"
#include "policy/quarantine_global.h"

#include <string.h>

// Housekeeping (old memory, batches, registration, advice) is done on every 16th slow allocation of
// a thread at the latest. More often by one to which so many come seldom: a server in its steady
// state leaves the fast path a few times in a second, and must still hear what apexd advises. When
// the time since the last housekeeping is found to be more than TICK_SELDOM_NS, each slow call is
// good for the next, of free() as well; from there on each 2nd, 4th, 8th, 16th slow allocation. So
// whoever comes at a steady rate does it every half second at least, or on each call. It is stated
// for users in docs/protocol.md ("When a process looks").
#define TICK_MASK_MAX 15
#define TICK_SELDOM_NS UINT64_C(250000000)

// One slow allocation of so many is timed: the clock costs as much as a short one.
#define TIMED_SHARE 64

// So many blocks of another node, at most, are given up in one refill.
#define PART_WITH_MAX 4

static const struct block block_none; // no room

#define NO_BLOCK ((struct block *)(uintptr_t)&block_none)
#define N4 NO_BLOCK, NO_BLOCK, NO_BLOCK, NO_BLOCK
#define N8 N4, N4
#define N32 N8, N8, N8, N8
#define NO_BLOCKS                                                  \
    {                                                              \
        .direct = {N32, N32, NO_BLOCK},                            \
        .current = {N32, N32, N8, N8},                             \
    }
const struct heap heap_none = NO_BLOCKS;
const struct heap heap_gone = NO_BLOCKS;
_Static_assert(CLASS_RUN == 80 && DIRECT_COUNT == 65, "NO_BLOCKS names every entry");

__thread struct heap_self heap_self = {
    .heap = (struct heap *)(uintptr_t)&heap_none,
    .direct_end = DIRECT_END,
};

uint32_t heap_idle_part = IDLE_PART_MAX;
uint32_t heap_home_part = HOME_PART_MIN;

struct OWN_PAGES heap_loan {
    struct heap_hooks hooks;
};

static CONSTANT struct heap_loan lent;

// --- Statistics ----------------------------------------------------------------------------------

bool
heap_shares_slot(const struct heap *heap)
{
    return heap->index >= APEX_STATS_SLOTS - 1;
}

static void
heap_add(struct heap *heap, size_t offset_bytes, uint64_t delta)
{
    struct apex_stats_thread *slot = load_acquire(&heap->slot);
    uint64_t *truth = (uint64_t *)(void *)((char *)&heap->stats + offset_bytes);
    uint64_t value = *truth + delta;

    store_relaxed(truth, value);
    if (slot == NULL) {
        return;
    }
    uint64_t *mirror = (uint64_t *)(void *)((char *)slot + offset_bytes);
    if (unlikely(heap_shares_slot(heap))) {
        add_relaxed(mirror, delta);
    } else {
        store_relaxed(mirror, value);
    }
}

#define HEAP_COUNT(heap, field, delta) \
    heap_add((heap), offsetof(struct apex_stats_thread, field), (delta))

FAST bool
heap_rations(const struct heap *heap)
{
    return !PROFILE_HEADER && unlikely(heap->rationed);
}

// There may be no page any more; or, in a child that no fork handler saw, it is somebody else's. A
// new page gives the heap its slot by heap_mirror_all.
FAST void
heap_check_slot(struct heap *heap)
{
    if (unlikely(load_relaxed(&heap->slot) != NULL) && heapmap_page() == NULL) {
        store_relaxed(&heap->slot, NULL);
    }
}

void
heap_settle(struct heap *heap, struct block *b)
{
    uint32_t used = block_used(b);

    if (heap_rations(heap) && b->state == BLOCK_CURRENT) {
        used -= ration_left(b);
    }
    if (used > b->settled) {
        HEAP_COUNT(heap, class[b->size_class].live_gained, used - b->settled);
    } else if (used < b->settled) {
        HEAP_COUNT(heap, class[b->size_class].live_lost, b->settled - used);
    }
    b->settled = used;
}

static unsigned
heap_slot_shown(const struct heap *heap)
{
    return heap_shares_slot(heap) ? APEX_STATS_SLOTS - 1 : heap->index;
}

// Whoever changes the owner or the class calls heapmap_forget() first.
static void
heap_show(const struct heap *heap, struct block *b)
{
    if (unlikely(!heapmap_tells(b))) {
        heapmap_show(b, heap_slot_shown(heap));
    }
}

static void
heap_tell(struct heap *heap, struct block *b)
{
    heap_settle(heap, b);
    heap_show(heap, b);
}

void
heap_mark_slot(const struct heap *heap, struct apex_stats_thread *slot)
{
    store_relaxed(&slot->tid, heap->stats.tid);
    store_relaxed(&slot->node, heap->stats.node);
    store_relaxed(&slot->state, (uint32_t)(heap->live ? APEX_SLOT_LIVE : APEX_SLOT_EXITED));
}

void
heap_mirror(struct heap *heap, struct apex_stats_thread *slot)
{
    const uint64_t *from = (const uint64_t *)(const void *)&heap->stats;
    uint64_t *to = (uint64_t *)(void *)slot;
    // The words before the first counter are the slot's own: sequence, state, tid, node.
    size_t first = offsetof(struct apex_stats_thread, class) / sizeof *to;

    if (slot == NULL) {
        return;
    }
    for (size_t i = first; i < sizeof *slot / sizeof *to; i++) {
        if (heap_shares_slot(heap)) {
            add_relaxed(&to[i], load_relaxed(&from[i]));
        } else {
            store_relaxed(&to[i], load_relaxed(&from[i]));
        }
    }
    if (!heap_shares_slot(heap)) {
        heap_mark_slot(heap, slot);
    } else {
        store_relaxed(&slot->state, (uint32_t)APEX_SLOT_LIVE);
    }
}

void
heap_orphans_lost(void *heap, unsigned c, uint32_t count)
{
    struct heap *self = heap;
    HEAP_COUNT(self, class[c].live_lost, count);
    HEAP_COUNT(self, remote_received, count);
}

// --- NUMA: where the thread is -------------------------------------------------------------------

void
heap_settle_in(struct heap *heap)
{
    struct apex_stats_thread *slot = heap->slot;
    uint32_t flags;

    heap->home = heap->here = (uint8_t)numa_here();
    heap->away = 0;
    heap->stats.node = numa_node(heap->here, &flags);
    if (slot != NULL && !heap_shares_slot(heap)) {
        store_relaxed(&slot->node, heap->stats.node);
    }
}

// Enters what the thread has freed of others since the last time, as freed where it was last seen.
static SLOW void
heap_count_freed(struct heap *heap)
{
    for (unsigned home = 0; home < NUMA_HOMES; home++) {
        uint64_t count = heap->freed[home];
        heap->freed[home] = 0;
        if (count != 0 && home == heap->here) {
            POOL_COUNT_HOME(home, frees_same, count);
        } else if (count != 0) {
            POOL_COUNT_HOME(home, frees_cross, count);
        }
    }
}

static SLOW void
heap_move_here(struct heap *heap, unsigned here)
{
    struct apex_stats_thread *slot = load_acquire(&heap->slot);
    uint32_t flags;

    heap_count_freed(heap);
    heap->here = (uint8_t)here;
    heap->away = 0;
    store_relaxed(&heap->stats.node, numa_node(here, &flags));
    if (slot != NULL && !heap_shares_slot(heap)) {
        store_relaxed(&slot->node, heap->stats.node);
    }
}

// Only with many homes. True if a block is not of the heap's.
FAST bool
heap_is_strange(const struct heap *heap, const struct block *b)
{
    return unlikely(load_relaxed(&numa_many) != 0) && pool_home_of(b) != heap->home;
}

// --- Remote frees: sending -----------------------------------------------------------------------

// Delivers batches, through the gate, which costs a fence and is passed once; the words that others
// write to are fetched together. Lets the orphanage tidy up if one was for an orphan, and
// has an owner looked after who does not come for what waits.
static APART void
heap_deliver(struct heap *heap, struct heap_batch *batch, unsigned batches)
{
    struct owner *crowded = NULL;
    bool orphan = false;
    uint32_t count = 0;
    uint32_t home = 0;

    for (unsigned i = 0; i < batches; i++) {
        __builtin_prefetch(&batch[i].block->remote, 1);
    }
    heap_check_slot(heap);
    gate_enter(&heap->pass);
    for (unsigned i = 0; i < batches; i++) {
        struct block *b = batch[i].block;
        struct owner *owner = load_relaxed(&b->owner);
        bool nobody = orphan_is_owner(owner);
        orphan |= nobody;
        count += batch[i].count;
        if (unlikely(load_relaxed(&numa_many) != 0)) {
            heap->freed[pool_home_of(b)] += batch[i].count;
        }
        uint32_t all = remote_deliver(b, batch[i].head, batch[i].tail, batch[i].count);
        crowded = !nobody && all > load_relaxed(&heap_home_part) ? owner : crowded;
        home |= all;
        batch[i].block = NULL;
    }
    gate_leave(&heap->pass);
    HEAP_COUNT(heap, remote_sent, count);
    HEAP_COUNT(heap, remote_batches, batches);
    if (unlikely(orphan)) {
        orphan_drain(heap_orphans_lost, heap);
    }
    if (home != 0) {
        pool_note_pending();
    }
    if (unlikely(crowded != NULL)) {
        lent.hooks.crowded((struct heap *)crowded);
    }
}

static void
heap_deliver_parked(struct heap *heap)
{
    heap_deliver(heap, heap->parked, heap->parked_count);
    heap->parked_count = 0;
}

static void
heap_deliver_all(struct heap *heap)
{
    if (heap->parked_count > 0) {
        heap_deliver_parked(heap);
    }
    for (unsigned i = 0; i < BATCH_SLOTS; i++) {
        if (heap->batch[i].block != NULL) {
            heap_deliver(heap, &heap->batch[i], 1);
        }
    }
}

// The tail's link is set on delivery, to what the block holds then.
FAST void
heap_batch_add(struct heap *heap, struct heap_batch *batch, struct chunk *chunk)
{
    uint64_t key = batch->block->key;

    freelist_set_next(chunk, batch->head, key);
    freelist_mark_free(chunk, key);
    batch->head = chunk;
    if (unlikely(++batch->count >= batch->count_max)) {
        heap_deliver(heap, batch, 1);
    }
}

// Another block needs the slot: what is in it waits for company.
static APART void
heap_batch_open(struct heap *heap, struct heap_batch *batch, struct block *b, struct chunk *chunk)
{
    if (batch->block != NULL) {
        heap->parked[heap->parked_count++] = *batch;
        if (heap->parked_count == PARKED_MAX) {
            heap_deliver_parked(heap);
        }
    }
    uint32_t count_max = BATCH_BYTES_MAX / b->chunk_bytes;
    *batch = (struct heap_batch){.block = b, .tail = chunk, .count_max = count_max};
    heap_batch_add(heap, batch, chunk);
}

void
heap_free_remote(struct heap *heap, struct block *b, struct chunk *chunk)
{
    uintptr_t mix = (uintptr_t)b >> DESCRIPTOR_SHIFT ^ (uintptr_t)b >> SUPERBLOCK_SHIFT;
    struct heap_batch *batch = &heap->batch[mix % BATCH_SLOTS];

    if (likely(batch->block == b)) {
        heap_batch_add(heap, batch, chunk);
    } else {
        heap_batch_open(heap, batch, b, chunk);
    }
}

void
heap_free_remote_unbatched(struct block *b, struct chunk *chunk)
{
    // No heap, no pass: a thread this late in its life, or this short of memory, does not see a
    // fork of another thread made safe for it. It loses at most this chunk, in the child.
    freelist_mark_free(chunk, b->key);
    remote_deliver(b, chunk, chunk, 1);
}

// --- Blocks: parking, retiring, receiving --------------------------------------------------------

// H3. The sizes of a class are those above the class below it. direct[0] never changes.
static void
heap_set_current(struct heap *heap, unsigned c, struct block *b)
{
    size_t last = size_classes[c].chunk_bytes / ALIGN_BYTES;
    size_t first = c == 0 ? 1 : size_classes[c - 1].chunk_bytes / ALIGN_BYTES + 1;
    struct block *front = heap_rations(heap) && b != NO_BLOCK ? ration_start(b) : b;

    heap->current[c] = b;
    for (size_t n = first; n <= last && n < DIRECT_COUNT; n++) {
        heap->direct[n] = front;
    }
}

// Puts the ration of class `c`, if there is one, back into the block's list.
static void
heap_recall(struct heap *heap, unsigned c)
{
    struct block *b = heap->current[c];
    uint32_t count;

    if (!heap_rations(heap) || b == NO_BLOCK) {
        return;
    }
    if (unlikely(!ration_recall(b, &count))) {
        fault_raise(FAULT_CORRUPT_LIST, b->base, b->chunk_bytes);
    }
    heap->due[c] += count;
}

void
heap_recall_all(struct heap *heap)
{
    for (unsigned c = 0; c < CLASS_RUN; c++) {
        heap_recall(heap, c);
    }
}

// From now on, or no longer, malloc pops from rations.
static void
heap_ration(struct heap *heap, bool on)
{
    heap_recall_all(heap);
    heap->rationed = on;
    for (unsigned c = 0; c < CLASS_RUN; c++) {
        heap_set_current(heap, c, heap->current[c]);
    }
}

// Gives an empty block, in no list, back. Nothing is under way to it: what other threads freed
// counts as used until it is received.
static void
heap_give(struct heap *heap, struct block *b)
{
    heap->blocks -= b->run_blocks;
    pool_give(b);
    HEAP_COUNT(heap, blocks_returned, 1);
}

static void
heap_give_idle(struct heap *heap)
{
    struct block *b = idle_victim(&heap->idle);

    idle_remove(&heap->idle, b);
    block_set_state(b, BLOCK_MOVING);
    heap_give(heap, b);
}

// A gauge: what it was is taken off, modulo 2^64.
static void
heap_count_idle(struct heap *heap)
{
    HEAP_COUNT(heap, idle, heap->idle.blocks * BLOCK_BYTES - heap->stats.idle);
}

static void
heap_shrink_idle(struct heap *heap, uint32_t blocks_max)
{
    while (heap->idle.blocks > blocks_max) {
        heap_give_idle(heap);
    }
}

static uint32_t
heap_idle_max(const struct heap *heap)
{
    uint32_t share = heap->blocks / IDLE_SHARE;
    uint32_t part = load_relaxed(&heap_idle_part);
    return share < part ? part : share;
}

// The block is IDLE, empty, and in no list.
FAST void
heap_keep_idle(struct heap *heap, struct block *b)
{
    if (heap_is_strange(heap, b)) {
        block_set_state(b, BLOCK_MOVING);
        heap_give(heap, b); // H6
        return;
    }
    if (b->size_class >= CLASS_RUN) {
        block_put_only(b);
    }
    struct block *newest = idle_newest(&heap->idle, b->run_blocks, b->run_blocks);
    if (newest != NULL) {
        heap_show(heap, newest); // H7
    }
    idle_put(&heap->idle, b);
    // The bound falls with what the heap owns, so that each block that goes may lower it.
    while (unlikely(heap->idle.blocks > heap_idle_max(heap))) {
        heap_give_idle(heap);
    }
}

// Files a block that is not current by what it has room for (H1). An empty one stays at hand (H2),
// and others make room for it.
static void
heap_file(struct heap *heap, struct block *b)
{
    uint32_t used = block_used(b);

    heap_settle(heap, b);
    list_remove(&b->link);
    if (used == 0) {
        block_set_state(b, BLOCK_IDLE);
        block_set_used(b, 0);
        heap_keep_idle(heap, b);
        return;
    }
    block_set_state(b, block_has_room(b) ? BLOCK_AVAILABLE : BLOCK_FULL);
    block_set_used(b, used);
    heap_show(heap, b);
    list_push(b->state == BLOCK_FULL ? &heap->full : &heap->available[b->size_class], &b->link);
}

// A swept block came home. What was swept longest ago by this measure was rightly swept.
static void
heap_regret(struct heap *heap, const struct block *b)
{
    uint64_t most = config_value(dirty_floor) / BLOCK_BYTES * HOME_REGRET_TIMES;
    uint64_t regret = load_relaxed(&heap->home_regret) + (uint64_t)b->run_blocks;

    if (os_now_ns() - load_relaxed(&heap->swept_ns) < pool_decay_ns()) {
        store_relaxed(&heap->home_regret, (uint32_t)(regret < most ? regret : most));
    }
}

static void
heap_receive(struct heap *heap, struct block *b)
{
    struct remote_chain chain = remote_take_chain(b);

    if (unlikely(chain.purged)) {
        heap_regret(heap, b);
    }
    remote_receive(b, chain);
    HEAP_COUNT(heap, remote_received, chain.count);
    if (b->state == BLOCK_CURRENT) {
        heap_tell(heap, b);
    } else {
        heap_file(heap, b);
    }
}

// Passes a list of blocks on, or receives those that are ours.
static void
heap_sort_inbox(struct heap *heap, struct block *list)
{
    while (list != NULL) {
        struct block *b = list;
        list = b->inbox_next; // before the chain is taken: R2
        if (load_relaxed(&b->owner) == &heap->owner) {
            heap_receive(heap, b);
        } else {
            gate_enter(&heap->pass);
            remote_enqueue(b);
            gate_leave(&heap->pass);
        }
    }
}

void
heap_drain(struct heap *heap)
{
    store_relaxed(&heap->drains, heap->drains + 1);
    if (remote_pending(&heap->owner)) {
        heap_sort_inbox(heap, remote_take_inbox(&heap->owner));
    }
}

static void
heap_settle_list(struct heap *heap, const struct list *head)
{
    for (struct list *l = head->next; l != head; l = l->next) {
        heap_settle(heap, list_entry(l, struct block, link));
    }
}

void
heap_settle_all(struct heap *heap)
{
    heap_deliver_all(heap);
    heap_drain(heap);
    for (unsigned c = 0; c < CLASS_RUN; c++) {
        if (heap->current[c] != NO_BLOCK) {
            heap_settle(heap, heap->current[c]);
        }
        heap_settle_list(heap, &heap->available[c]);
    }
    heap_settle_list(heap, &heap->full);
    heap_count_idle(heap);
}

// The only chunk of a run came back.
static void
heap_unuse_run(struct heap *heap, struct block *b)
{
    list_remove(&b->link);
    block_set_state(b, BLOCK_IDLE);
    HEAP_COUNT(heap, class[b->size_class].live_lost, 1);
    heap_keep_idle(heap, b);
}

static bool
heap_tick_is_due(const struct heap *heap)
{
    return (heap->ticks & heap->tick_mask) == 0;
}

// After a long time the next slow call is one for housekeeping, else one of twice as many.
static void
heap_pace_ticks(struct heap *heap)
{
    uint64_t now = os_now_ns();
    bool seldom = heap->ticked_ns != 0 && now - heap->ticked_ns > TICK_SELDOM_NS;

    heap->ticked_ns = now;
    heap->tick_mask = seldom ? 0 : (heap->tick_mask << 1 | 1) & TICK_MASK_MAX;
}

bool
heap_tick(struct heap *heap)
{
    bool due = heap_tick_is_due(heap);

    heap->ticks++;
    if (due) {
        heap_pace_ticks(heap);
        quarantine_tune(&heap->quarantine);
        heap_deliver_all(heap);
        heap_count_idle(heap);
        numa_tick(heap->ticked_ns);
        if (unlikely(load_relaxed(&numa_many) != 0)) {
            heap_count_freed(heap);
        }
        pool_decay();
        pool_look_some();
        lent.hooks.tick();
    }
    return due;
}

void
heap_tick_alloc(struct heap *heap)
{
    if (heap_tick(heap)) {
        lent.hooks.tick_alloc();
    }
}

APART void
heap_free_event(struct heap *heap, struct block *b)
{
    heap_check_slot(heap);
    HEAP_COUNT(heap, slow_frees, 1);
    if (b->size_class >= CLASS_RUN) {
        heap_unuse_run(heap, b);
    } else if (b->state == BLOCK_AVAILABLE && block_used(b) != 0) {
        heap_settle(heap, b); // an eighth of it came free: it is where it belongs
        block_set_used(b, block_used(b));
        heap_show(heap, b);
    } else {
        heap_file(heap, b);
    }
    // Where allocations do not come often enough to look after things, frees do it, too.
    if (unlikely(heap->tick_mask == 0)) {
        heap_tick(heap);
    }
}

// Takes the class's current block away from it.
static void
heap_park(struct heap *heap, unsigned c)
{
    struct block *b = heap->current[c];

    if (b != NO_BLOCK) {
        heap_recall(heap, c);
        heap_set_current(heap, c, NO_BLOCK);
        block_set_state(b, BLOCK_MOVING);
        heap_file(heap, b);
    }
}

// A chunk leaves the quarantine without being used again. After a fault that is only reported it
// stays where it is, allocated for ever.
static void
heap_discharge(struct heap *heap, struct chunk *chunk)
{
    struct block *b = block_head(geometry_descriptor(chunk));

    if (unlikely(!seal_is_quarantined(chunk))) {
        seal_accuse_quarantined(b, chunk);
        return;
    }
    heap_free(heap, b, chunk);
}

static void
heap_shrink_quarantine(struct heap *heap, uint32_t bytes_max)
{
    struct chunk *chunk;
    struct chunk *out;

    while ((chunk = quarantine_evict(&heap->quarantine, bytes_max)) != NULL) {
        while ((out = quarantine_global_put(chunk, &heap->rng)) != NULL) {
            heap_discharge(heap, out);
            chunk = NULL;
        }
    }
}

// Its own, and what is in the global part.
static void
heap_empty_quarantine(struct heap *heap)
{
    struct chunk *out;

    heap_shrink_quarantine(heap, 0);
    while ((out = quarantine_global_take(&heap->rng)) != NULL) {
        heap_discharge(heap, out);
    }
}

APART void
heap_quarantine_rest(struct heap *heap, struct chunk *out)
{
    if (out != NULL) {
        heap_discharge(heap, out);
    }
    heap_shrink_quarantine(heap, heap->quarantine.bytes_max);
}

void
heap_collect(struct heap *heap)
{
    if (PROFILE_QUARANTINE) {
        heap_empty_quarantine(heap);
    }
    heap_deliver_all(heap);
    heap_drain(heap);
    for (unsigned c = 0; c < CLASS_RUN; c++) {
        heap_park(heap, c);
    }
    heap_shrink_idle(heap, 0);
    heap_count_idle(heap);
}

// Gives a block away for good: to the pool when it is empty, else to the orphanage.
static void
heap_abandon(struct heap *heap, struct block *b)
{
    uint32_t used = block_used(b);

    heap_settle(heap, b);
    list_remove(&b->link);
    block_set_state(b, BLOCK_MOVING);
    if (used == 0) {
        heap_give(heap, b);
    } else {
        heap->blocks -= b->run_blocks;
        block_set_used(b, used);
        orphan_put(b);
    }
}

// --- Allocation ----------------------------------------------------------------------------------

static void
heap_make_current(struct heap *heap, struct block *b)
{
    uint32_t used = block_used(b);

    list_remove(&b->link);
    block_set_state(b, BLOCK_CURRENT);
    block_set_used(b, used);
    heap_set_current(heap, b->size_class, b);
}

// The length of the runs of a class from CLASS_RUN on, without a look at the table.
static unsigned
heap_run_length(unsigned c)
{
    return c - CLASS_RUN + 2;
}

// The longest run that may serve class `c`: realloc takes an object for too large when less than
// half of it is used.
static unsigned
heap_longest_run(unsigned c)
{
    unsigned want = heap_run_length(c);
    return want == 2 ? want : want > IDLE_LENGTH_MAX / 2 ? IDLE_LENGTH_MAX : 2 * (want - 1);
}

// How long the next run of class `c` should be: a long one when two short ones would not hold what
// is live. The heap that adopts orphans may have lost more than it gained.
static unsigned
heap_next_run(const struct heap *heap, unsigned c)
{
    const struct size_class *class = &size_classes[c];
    const struct apex_stats_class *live = &heap->stats.class[c];
    int64_t count = (int64_t)(live->live_gained - live->live_lost);

    return count >= 2 * class->capacity ? class->long_blocks : class->run_blocks;
}

// A thread refills: looks where it runs, and takes to the memory of another node when it has been
// there for `numa_switch` refills in a row. What it holds of the old one it goes on using until it
// is full; empty blocks go home at once (H6).
static SLOW void
heap_locate(struct heap *heap)
{
    unsigned here = numa_here();

    if (here != heap->here) {
        heap_move_here(heap, here);
    }
    if (here == heap->home) {
        heap->away = 0;
    } else if (++heap->away >= config_value(numa_switch)) {
        heap_shrink_idle(heap, 0);
        heap->home = (uint8_t)here;
        heap->away = 0;
        POOL_COUNT_HOME(here, switches, 1);
    }
}

// An idle block or a new one. A run may be longer than asked for, and then is of the class that is
// as long.
static struct block *
heap_take_fresh(struct heap *heap, unsigned c)
{
    bool clean = false;
    unsigned want = heap_next_run(heap, c);
    unsigned longest = c < CLASS_RUN ? want : heap_longest_run(c);
    struct block *b = idle_find(&heap->idle, c, want, longest);

    if (b != NULL) {
        idle_remove(&heap->idle, b);
        c = b->run_blocks == want ? c : CLASS_RUN + b->run_blocks - 2u;
        if (b->size_class == c) {
            // Many small chunks are carved again from the start: their list is in the order in
            // which they happened to be freed, and would miss the caches at each step.
            if (size_classes[c].carve_count > 1) {
                block_uncarve(b);
            }
            return b;
        }
        heapmap_forget(b);
    } else {
        b = pool_take(want, heap->home, heap->here, &clean);
        if (b == NULL && heap->idle.blocks > 0) {
            heap_shrink_idle(heap, 0); // of the wrong length, and they count for the heap limit
            b = pool_take(want, heap->home, heap->here, &clean);
        }
        if (b == NULL) {
            return NULL;
        }
        heap->blocks += want;
        HEAP_COUNT(heap, blocks_taken, 1);
    }
    char *first = superblock_block_address(superblock_of(b), geometry_descriptor_index(b));
    block_init(b, first, c, b->run_blocks, &heap->owner, freelist_key(rng_next(&heap->rng)));
    b->clean = clean;
    if (PROFILE_ZERO && !clean) {
        explicit_bzero(first, size_classes[c].lead); // policy/inspect.c looks at it, too
    }
    return b;
}

// The block with room that waits longest: meanwhile most came free in it, so that it lasts longest.
// One that is left from the time on another node is not used again: it goes where threads of that
// node will find it, a few at a time.
static struct block *
heap_find_available(struct heap *heap, unsigned c)
{
    struct list *available = &heap->available[c];

    for (unsigned i = 0; i < PART_WITH_MAX && !list_empty(available); i++) {
        struct block *b = list_entry(available->prev, struct block, link);
        if (!heap_is_strange(heap, b)) {
            return b;
        }
        heap_abandon(heap, b);
    }
    return NULL;
}

static struct block *
heap_adopt(struct heap *heap, unsigned c, unsigned home)
{
    struct block *b = orphan_adopt(c, home, &heap->owner, heap_orphans_lost, heap);

    if (b != NULL) {
        heap->blocks += b->run_blocks;
        HEAP_COUNT(heap, blocks_adopted, 1);
    }
    return b;
}

// The current block of class `c` is used up: puts another one in its place. NULL: no memory.
static struct block *
heap_next_block(struct heap *heap, unsigned c)
{
    if (unlikely(load_relaxed(&numa_many) != 0)) {
        heap_locate(heap);
    }
    struct block *b = heap_find_available(heap, c);
    b = b != NULL ? b : heap_adopt(heap, c, heap->home);
    b = b != NULL ? b : heap_take_fresh(heap, c);
    b = b != NULL ? b : heap_adopt(heap, c, ORPHAN_ANYWHERE); // better than no memory
    if (b == NULL) {
        return NULL;
    }
    struct block *old = heap->current[c];
    heap_make_current(heap, b);
    if (old != NO_BLOCK) {
        block_set_state(old, BLOCK_MOVING);
        heap_file(heap, old);
    }
    return b;
}

static void *
heap_alloc_small(struct heap *heap, unsigned c, bool *zeroed)
{
    struct block *b = heap->current[c];

    heap_recall(heap, c);
    for (;;) {
        void *p = block_pop(b);
        if (p != NULL) {
            heap_tell(heap, b);
            return p;
        }
        if (unlikely(block_corrupt(b))) {
            fault_raise(FAULT_CORRUPT_LIST, b->base, b->chunk_bytes); // the link itself is noise
            // Reported only: the rest of the list is lost and counts as used; the program goes on.
            b->free = NULL;
            block_set_used(b, (uint32_t)b->carved);
        }
        if (b != NO_BLOCK && block_carve(b, &heap->rng)) {
            *zeroed = b->clean && b->carved > b->known;
            continue;
        }
        b = heap_next_block(heap, c);
        if (b == NULL) {
            return NULL;
        }
    }
}

// A run with one chunk goes from IDLE, or new, to FULL (H4): `b` is in no list.
static void *
heap_use_run(struct heap *heap, struct block *b)
{
    block_set_state(b, BLOCK_FULL);
    list_push(&heap->full, &b->link);
    HEAP_COUNT(heap, class[b->size_class].live_gained, 1);
    void *p = block_take_only(b);
    heap_show(heap, b);
    return p;
}

void *
heap_alloc_carve(struct heap *heap, unsigned c)
{
    struct block *b = heap->current[c];

    // What others have freed comes before chunks that were never used.
    if (b->free != NULL || remote_pending(&heap->owner) || heap_tick_is_due(heap) ||
        !block_carve(b, &heap->rng)) {
        return NULL;
    }
    heap->ticks++;
    return block_pop(b);
}

void *
heap_alloc_idle_run(struct heap *heap, unsigned c)
{
    struct block *b = idle_newest(&heap->idle, heap_run_length(c), heap_longest_run(c));

    if (unlikely(b == NULL) || unlikely(b->size_class < CLASS_RUN) || heap_tick_is_due(heap)) {
        return NULL;
    }
    heap->ticks++;
    heap_check_slot(heap);
    idle_remove(&heap->idle, b);
    return heap_use_run(heap, b);
}

bool
heap_grow_run(struct heap *heap, struct block *b, unsigned c)
{
    unsigned have = b->run_blocks;

    if (!pool_extend(b, heap_run_length(c))) {
        return false;
    }
    if (PROFILE_ZERO) {
        unsigned added = geometry_descriptor_index(b) + have;
        wipe(superblock_block_address(superblock_of(b), added),
             (b->run_blocks - have) * BLOCK_BYTES - GUARD_BYTES);
    }
    heap_check_slot(heap);
    heap->blocks += b->run_blocks - have;
    HEAP_COUNT(heap, class[b->size_class].live_lost, 1);
    HEAP_COUNT(heap, class[c].live_gained, 1);
    block_set_class(b, c, b->run_blocks);
    heapmap_forget(b);
    heap_show(heap, b);
    return true;
}

static void *
heap_alloc_run(struct heap *heap, unsigned c, bool *zeroed)
{
    if (unlikely(load_relaxed(&numa_many) != 0)) {
        heap_locate(heap);
    }
    struct block *b = heap_take_fresh(heap, c);
    if (b == NULL) {
        return NULL;
    }
    *zeroed = b->clean;
    return heap_use_run(heap, b);
}

APART void *
heap_alloc_slow(struct heap *heap, unsigned c, bool *zeroed)
{
    bool timed = heap->stats.slow_allocs % TIMED_SHARE == 0;
    uint64_t start = timed ? os_clock_ns() : 0;

    *zeroed = false;
    heap_check_slot(heap);
    HEAP_COUNT(heap, slow_allocs, 1);
    heap_tick_alloc(heap);
    heap_drain(heap);
    void *p = c < CLASS_RUN ? heap_alloc_small(heap, c, zeroed) : heap_alloc_run(heap, c, zeroed);
    if (timed) {
        HEAP_COUNT(heap, slow_ns, (os_clock_ns() - start) * TIMED_SHARE);
    }
    return p;
}

void
heap_count_request(struct heap *heap, size_t requested_bytes, unsigned c)
{
    HEAP_COUNT(heap, sampled_requested, requested_bytes);
    HEAP_COUNT(heap, sampled_granted, size_classes[c].chunk_bytes);
}

// --- Beginning and end ---------------------------------------------------------------------------

void
heap_set_hooks(const struct heap_hooks *new_hooks)
{
    lent.hooks = *new_hooks;
}

void
heap_watch(struct heap *heap)
{
    uint64_t rate = load_relaxed(&sampler_rate);

    heap_self.direct_end = rate == 0 ? DIRECT_END : DIRECT_WATCHED;
    if (likely(heap->sample.rate_bytes == rate)) {
        return;
    }
    sampler_wind(&heap->sample, &heap->rng);
    if (PROFILE_HEADER) {
        return;
    }
    heap_ration(heap, rate != 0);
    for (unsigned c = 0; c < CLASS_RUN && rate != 0; c++) {
        heap->due[c] = sampler_draw(rate, size_classes[c].chunk_bytes, &heap->rng);
    }
}

// When it is to be sampled, or the ration's list is broken, which is said.
static SLOW void *
heap_alloc_ration_rest(struct heap *heap, unsigned c, uint64_t *weight)
{
    size_t bytes = size_classes[c].chunk_bytes;
    uint64_t rate = heap->sample.rate_bytes;

    if (heap->due[c] == 0) {
        *weight = sampler_weight(bytes, rate);
        heap->due[c] = sampler_draw(rate, bytes, &heap->rng);
    } else {
        heap_recall(heap, c);
    }
    return NULL;
}

// Lengthens the list of a block that has `count` chunks at hand, so that the ration is worth its
// making; larger chunks and, perhaps, what others have freed are for heap_alloc_carve. How many
// there are then.
static APART uint32_t
heap_ration_more(struct heap *heap, struct block *b, uint32_t count)
{
    if (b->chunk_bytes - 1 >= DIRECT_BYTES_MAX || heap_tick_is_due(heap) ||
        remote_pending(&heap->owner)) {
        return count;
    }
    heap->ticks++;
    return count + ration_add(b, &heap->rng);
}

void *
heap_alloc_ration(struct heap *heap, unsigned c, uint64_t *weight)
{
    struct block *b = heap->current[c];
    uint64_t due = heap->due[c];

    *weight = 0;
    if (unlikely(due == 0)) {
        return heap_alloc_ration_rest(heap, c, weight);
    }
    uint32_t count = ration_at_hand(b);
    if (count * b->chunk_bytes < RATION_BYTES_MIN) {
        count = heap_ration_more(heap, b, count);
        if (count == 0) {
            return NULL; // there may be no block at all
        }
    }
    if (unlikely(ration_of(b)->free != NULL)) {
        return heap_alloc_ration_rest(heap, c, weight);
    }
    if (unlikely(count > due)) {
        count = ration_fill_part(b, (uint32_t)due);
    } else {
        ration_fill_all(b, count);
    }
    heap->due[c] = due - count;
    return block_pop(ration_of(b));
}

void
heap_count_watched(struct heap *heap, unsigned c)
{
    // A thread that has just begun, or changed the rate, has not reached the first of its samples.
    heap->due[c] -= heap->due[c] > 0;
}

struct apex_stats_thread *
heap_page_slot(const struct heap *heap)
{
    return lent.hooks.slot_of(heap->index);
}

void
heap_reset(struct heap *heap)
{
    heap->direct[0] = NO_BLOCK;
    heap->rationed = false;
    for (unsigned c = 0; c < CLASS_RUN; c++) {
        heap_set_current(heap, c, NO_BLOCK);
        list_init(&heap->available[c]);
    }
    list_init(&heap->full);
    idle_init(&heap->idle);
    heap->blocks = 0;
    heap->sample.rate_bytes = 0;
    for (unsigned i = 0; i < BATCH_SLOTS; i++) {
        heap->batch[i].block = NULL;
    }
    heap->parked_count = 0;
    quarantine_init(&heap->quarantine, &heap->rng);
    heap->pass.inside = 0;
    heap->ticks = 0;
    heap->tick_mask = TICK_MASK_MAX;
    heap->ticked_ns = 0;
    heap->home_regret = 0;
}

static void
heap_abandon_list(struct heap *heap, struct list *head)
{
    while (!list_empty(head)) {
        heap_abandon(heap, list_entry(head->next, struct block, link));
    }
}

void
heap_abandon_all(struct heap *heap)
{
    if (PROFILE_QUARANTINE) {
        heap_shrink_quarantine(heap, 0);
    }
    heap_deliver_all(heap);
    heap_drain(heap);
    heap_recall_all(heap);
    for (unsigned c = 0; c < CLASS_RUN; c++) {
        struct block *b = heap->current[c];
        if (b != NO_BLOCK) {
            heap_set_current(heap, c, NO_BLOCK);
            heap_abandon(heap, b);
        }
        heap_abandon_list(heap, &heap->available[c]);
    }
    heap_abandon_list(heap, &heap->full);
    heap_shrink_idle(heap, 0);
    heap_count_idle(heap);
    if (load_relaxed(&numa_many) != 0) {
        heap_count_freed(heap);
    }
    // No block names this heap any more; what still arrived meanwhile is passed on (R3, R4).
    heap_sort_inbox(heap, remote_close_inbox(&heap->owner));
    store_relaxed(&heap->home_regret, 0);
    orphan_drain(heap_orphans_lost, heap);
}

// --- Audit ---------------------------------------------------------------------------------------

// Both return how many blocks of 64 KiB they looked at.
static uint32_t
heap_audit_current(const struct heap *heap, unsigned c)
{
    const struct block *b = heap->current[c];

    apex_audit(b == NO_BLOCK || b->state == BLOCK_CURRENT);
    apex_audit(heap->direct[0] == NO_BLOCK);
    for (size_t n = 1; n < DIRECT_COUNT; n++) {
        const struct block *front = heap->rationed && b != NO_BLOCK ? ration_of(b) : b;
        apex_audit(size_class_small(n * ALIGN_BYTES) != c || heap->direct[n] == front);
    }
    if (b == NO_BLOCK) {
        return 0;
    }
    block_audit(b);
    return b->run_blocks;
}

static uint32_t
heap_audit_list(const struct heap *heap, const struct list *head, enum block_state state)
{
    uint32_t blocks = 0;

    for (const struct list *l = head->next; l != head; l = l->next) {
        const struct block *b = list_entry(l, struct block, link);
        apex_audit(b->state == state);
        apex_audit(b->owner == &heap->owner);
        apex_audit((block_used(b) == 0) == (state == BLOCK_IDLE));
        apex_audit(state != BLOCK_IDLE || l == head->next || heapmap_shows_idle(b)); // H7
        heapmap_audit(b, heap_slot_shown(heap));
        block_audit(b);
        blocks += b->run_blocks;
    }
    return blocks;
}

void
heap_audit(struct heap *heap)
{
    uint32_t blocks = 0;
    uint32_t idle = 0;

    for (unsigned c = 0; c < CLASS_RUN; c++) {
        blocks += heap_audit_current(heap, c);
        blocks += heap_audit_list(heap, &heap->available[c], BLOCK_AVAILABLE);
    }
    blocks += heap_audit_list(heap, &heap->full, BLOCK_FULL);
    for (unsigned n = 0; n <= IDLE_LENGTH_MAX; n++) {
        idle += heap_audit_list(heap, &heap->idle.bin[n], BLOCK_IDLE);
    }
    for (unsigned n = 0; n <= IDLE_LENGTH_MAX && load_relaxed(&numa_many) != 0; n++) {
        const struct list *head = &heap->idle.bin[n];
        for (const struct list *l = head->next; l != head; l = l->next) {
            apex_audit(pool_home_of(list_entry(l, struct block, link)) == heap->home);
        }
    }
    apex_audit(idle == heap->idle.blocks && idle <= heap_idle_max(heap));
    apex_audit(blocks + idle == heap->blocks);
}
