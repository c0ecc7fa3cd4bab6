// SPDX-License-Identifier: MIT
//
// The list of heaps, the sweep for sleepers, fork. Locks: the list has one, which fork holds; sums
// and the sweep read the list without it, since heaps are only ever added.

#include "policy/heaps.h"

#include "core/meta.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy/config.h"
#include "policy/orphan.h"
#include "policy/pool.h"
#include "policy/quarantine_global.h"

static struct lock heaps_lock = LOCK_INIT(LOCK_RANK_HEAPS);
static struct heap *heaps_made; // newest first; atomic, so that sums need no lock
static struct heap *heaps_idle;
static uint32_t heaps_count;
static uint32_t heaps_live;
static uint32_t heaps_late;    // how many of them are `late`
static unsigned heaps_process; // to which their threads belong
static struct lock sweep_lock = LOCK_INIT(LOCK_RANK_SWEEP);
static struct gate_pass sweep_pass; // of whoever has that lock
static uint64_t swept_ns; // when somebody last looked for sleepers; atomic

// --- Threads -------------------------------------------------------------------------------------

// With the heaps lock. NULL when there is no memory. The generator of keys goes on when another
// thread takes the heap over.
static struct heap *
heaps_make(void)
{
    struct heap *heap = meta_alloc(sizeof *heap);
    uint64_t seed;

    if (heap != NULL) {
        os_random(&seed, sizeof seed);
        rng_seed(&heap->rng, seed);
        heap_reset(heap);
        heaps_process = heaps_count == 0 ? os_process_id() : heaps_process;
        heap->index = heaps_count++;
        heap->owner.inbox = INBOX_CLOSED;
        heap->next_made = heaps_made;
        store_release(&heaps_made, heap); // pairs with the acquire in heaps_stats_sum
    }
    return heap;
}

// One thread more or less, with the heaps lock. Threads that keep more than their part now give it
// up the next time they keep something.
static void
heaps_count_live(int change)
{
    store_relaxed(&heaps_live, heaps_live + (uint32_t)change);
    uint32_t part = heaps_live == 0 ? IDLE_PART_MAX : IDLE_TOTAL / heaps_live;
    part = part < IDLE_PART_MIN ? IDLE_PART_MIN : part;
    store_relaxed(&heap_idle_part, part > IDLE_PART_MAX ? (uint32_t)IDLE_PART_MAX : part);
    uint64_t home = config_value(dirty_floor) / BLOCK_BYTES / (heaps_live == 0 ? 1 : heaps_live);
    home = home < HOME_PART_MIN ? HOME_PART_MIN : home;
    store_relaxed(&heap_home_part, home > UINT32_MAX ? UINT32_MAX : (uint32_t)home);
}

// With the heaps lock, as are the next three.
static void
heaps_set_late(struct heap *heap, bool late)
{
    heaps_late += (uint32_t)late - (uint32_t)heap->late;
    heap->late = late;
}

// A heap that was left open: its thread allocated in the last round of destructors, after which no
// other closes it. It is as sound as any, with its blocks and its inbox. NULL when there is none.
// In the child of a bare clone(), which no handler told, all are those of the parent's threads.
static struct heap *
heaps_find_left(void)
{
    unsigned self = os_thread_id();

    if (heaps_late == 0 || heaps_process != os_process_id()) {
        return NULL;
    }
    for (struct heap *h = heaps_made; h != NULL; h = h->next_made) {
        if (h->late && (h->stats.tid == self || os_thread_is_gone(h->stats.tid))) {
            fence_full(); // what it stored last is read after the kernel has said that it is gone
            return h;
        }
    }
    return NULL;
}

static struct heap *
heaps_find(void)
{
    struct heap *heap = heaps_idle;

    if (heap != NULL) {
        heaps_idle = heap->next_idle;
        return heap;
    }
    heap = heaps_find_left();
    return heap != NULL ? heap : heaps_make();
}

// The calling thread, which has none, takes the heap over; `left`: with what is in it.
static void
heaps_begin(struct heap *heap, bool left)
{
    struct apex_stats_thread *slot = heap->slot;

    heaps_set_late(heap, heap_self.heap == &heap_gone);
    heap->stats.tid = os_thread_id();
    if (!left) {
        heap_settle_in(heap);
        store_relaxed(&heap->live, true);
        heaps_count_live(1);
    }
    if (slot == NULL) {
        slot = heap_page_slot(heap);
        heap_mirror(heap, slot);
        store_release(&heap->slot, slot);
    } else if (!heap_shares_slot(heap)) {
        heap_mark_slot(heap, slot); // its counters are there already
    }
    if (!left) {
        // Pairs with the acquire in remote_enqueue: from here on blocks may name this owner.
        store_release(&heap->owner.inbox, NULL);
    }
}

struct heap *
heaps_open(void)
{
    lock_acquire(&heaps_lock);
    struct heap *heap = heaps_find();
    bool left = heap != NULL && heap->live;
    if (heap != NULL) {
        heaps_begin(heap, left);
    }
    lock_release(&heaps_lock);
    if (heap != NULL) {
        heap_self.heap = heap;
        heap_watch(heap);
        POOL_COUNT(threads_started, 1);
        if (left) {
            POOL_COUNT(threads_exited, 1);
        } else if (heap_shares_slot(heap)) {
            POOL_COUNT(slotless_threads, 1);
        }
    }
    return heap;
}

static void
heaps_make_idle(struct heap *heap)
{
    lock_acquire(&heaps_lock);
    heaps_set_late(heap, false);
    store_relaxed(&heap->live, false);
    heaps_count_live(-1);
    if (heap->slot != NULL && !heap_shares_slot(heap)) {
        store_relaxed(&heap->slot->state, (uint32_t)APEX_SLOT_EXITED);
    }
    heap->next_idle = heaps_idle;
    heaps_idle = heap;
    lock_release(&heaps_lock);
    if (heap_shares_slot(heap)) {
        POOL_COUNT(slotless_threads, -1);
    }
}

void
heaps_close(struct heap *heap)
{
    heap_self.heap = (struct heap *)(uintptr_t)&heap_gone;
    heap_self.direct_end = DIRECT_END; // less says that the heap has a clock
    heap_abandon_all(heap);
    POOL_COUNT(threads_exited, 1);
    heaps_make_idle(heap);
}

// --- Statistics ----------------------------------------------------------------------------------

void
heaps_mirror_all(void)
{
    lock_acquire(&heaps_lock);
    for (struct heap *h = heaps_made; h != NULL; h = h->next_made) {
        struct apex_stats_thread *slot = heap_page_slot(h);
        heap_mirror(h, slot);
        // Pairs with the acquire in heap_add: the owner adds to a slot that has been filled.
        store_release(&h->slot, slot);
    }
    lock_release(&heaps_lock);
}

bool
heaps_alone(void)
{
    return load_relaxed(&heaps_live) == 1;
}

void
heaps_stats_sum(struct apex_stats_thread *sum, uint64_t *live)
{
    size_t first = offsetof(struct apex_stats_thread, class) / sizeof(uint64_t);
    uint64_t *to = (uint64_t *)(void *)sum;

    *sum = (struct apex_stats_thread){0};
    *live = 0;
    // Pairs with the release in heaps_make.
    for (struct heap *h = load_acquire(&heaps_made); h != NULL; h = h->next_made) {
        const uint64_t *from = (const uint64_t *)(const void *)&h->stats;
        for (size_t i = first; i < sizeof *sum / sizeof *to; i++) {
            to[i] += load_relaxed(&from[i]);
        }
        *live += load_relaxed(&h->live) ? 1 : 0;
    }
}

// --- Sleepers ------------------------------------------------------------------------------------
//
// What others freed for a thread that sleeps must not stay with it until it wakes. Nobody may touch
// the sleeper's blocks, but a block of which every chunk is in the remote chain is out of
// everybody's reach: its pages can be given back as it stands (R5).

// Complete blocks of one sleeper that are taken together, so that neighbours cost one call.
#define SWEEP_BATCH 32

static char *
heaps_block_start(const struct block *b)
{
    return b->base - size_classes[b->size_class].lead;
}

// Gives the pages of complete blocks back, which are in no inbox meanwhile; `count` of them are
// neighbours in memory, the lowest at `start`. Through the gate, so that no fork copies a block
// that has lost its pages and not got its mark.
static void
heaps_sweep_blocks(struct block *const *blocks, unsigned count, char *start, size_t bytes)
{
    pool_sparse(blocks[0]);
    gate_enter(&sweep_pass);
    bool purged = os_purge(start, bytes) == 0;
    for (unsigned i = 0; i < count; i++) {
        if (purged) {
            remote_set_purged(blocks[i]);
        }
        remote_enqueue(blocks[i]);
    }
    gate_leave(&sweep_pass);
    POOL_COUNT(purge_calls, 1);
    POOL_COUNT(purged, purged ? bytes : 0);
}

// Takes blocks off the front of `list` as long as they are complete and each lies next to those
// before it, which is how they come home when they were filled and are freed in one order.
static struct block *
heaps_sweep_neighbours(struct block *list)
{
    struct block *blocks[SWEEP_BATCH];
    char *start = heaps_block_start(list);
    size_t bytes = 0;
    unsigned count = 0;

    while (list != NULL && count < SWEEP_BATCH && remote_is_complete(list)) {
        char *at = heaps_block_start(list);
        size_t more = list->run_blocks * BLOCK_BYTES;
        if (at != start + bytes && at + more != start) {
            break;
        }
        start = at < start ? at : start;
        bytes += more;
        blocks[count++] = list;
        list = list->inbox_next;
    }
    heaps_sweep_blocks(blocks, count, start, bytes);
    return list;
}

// Gives the pages of the complete blocks in one sleeper's inbox back. With the lock.
static void
heaps_sweep_one(struct heap *sleeper)
{
    struct block *list = remote_borrow_inbox(&sleeper->owner);

    store_relaxed(&sleeper->swept_ns, os_now_ns());
    while (list != NULL) {
        struct block *b = list;
        if (remote_is_complete(b)) {
            list = heaps_sweep_neighbours(b);
        } else {
            list = b->inbox_next;
            remote_enqueue(b);
        }
    }
}

void
heaps_sweep_crowded(struct heap *sleeper)
{
    uint32_t home = load_relaxed(&sleeper->owner.home);
    uint32_t regret = load_relaxed(&sleeper->home_regret);
    bool recent = os_now_ns() - load_relaxed(&sleeper->swept_ns) < pool_decay_ns();

    if (recent && home <= load_relaxed(&heap_home_part) + regret) {
        return;
    }
    if (lock_try(&sweep_lock)) {
        if (!recent) {
            store_relaxed(&sleeper->home_regret, 0); // it may be a sleeper by now
        }
        heaps_sweep_one(sleeper);
        lock_release(&sweep_lock);
    }
}

// A heap sleeps when its inbox has not been emptied since this function last looked, at least
// `idle_ns` ago.
void
heaps_sweep(uint64_t idle_ns)
{
    uint64_t now = os_now_ns();
    const struct heap *self = heap_self.heap;

    if (now - load_relaxed(&swept_ns) < idle_ns || !lock_try(&sweep_lock)) {
        return;
    }
    store_relaxed(&swept_ns, now);
    // Pairs with the release in heaps_make.
    for (struct heap *h = load_acquire(&heaps_made); h != NULL; h = h->next_made) {
        uint32_t drains = load_relaxed(&h->drains);
        if (h != self && remote_pending(&h->owner) && (drains == h->drains_seen || idle_ns == 0)) {
            heaps_sweep_one(h);
        }
        h->drains_seen = drains;
    }
    lock_release(&sweep_lock);
}

uint64_t
heaps_home(void)
{
    uint64_t home = 0;

    // Pairs with the release in heaps_make.
    for (struct heap *h = load_acquire(&heaps_made); h != NULL; h = h->next_made) {
        home += load_relaxed(&h->owner.home);
    }
    return home;
}

// --- Fork ----------------------------------------------------------------------------------------

// The child has one thread. The heaps of the others were copied at some instant, perhaps in the
// middle of a malloc: their local lists cannot be trusted. What can: how far a block was carved,
// and its remote chain, since the gate was closed. So such a block keeps the chunks of the chain,
// counts all others as used for good, and becomes an orphan.

struct fork_harvest {
    const struct heap *self; // NULL when the thread that forked has no heap
    struct block *blocks;    // linked by inbox_next, as are the next
    struct block *nobodys;   // their owner was about to give them to the pool
    struct block *unqueued;  // of heaps that live on, with remote frees, in no inbox that lives on
};

static void
heaps_fork_collect(struct block *b, void *context)
{
    struct fork_harvest *harvest = context;
    const struct owner *owner = b->owner;
    bool own = harvest->self != NULL && owner == &harvest->self->owner;

    if (owner == NULL) {
        b->inbox_next = harvest->nobodys;
        harvest->nobodys = b;
    } else if (!own && !orphan_is_owner(owner)) {
        b->inbox_next = harvest->blocks;
        harvest->blocks = b;
    } else if (b->remote != 0) {
        // The inboxes that live on are empty, so it was in that of a dead heap (R4).
        b->inbox_next = harvest->unqueued;
        harvest->unqueued = b;
    }
}

static void
heaps_fork_adopt(struct heap *heap, struct block *b)
{
    struct remote_chain chain = remote_take_chain(b);
    uint32_t used = b->state == BLOCK_IDLE ? 0 : (uint32_t)b->carved - chain.count;

    list_init(&b->link);
    block_set_state(b, BLOCK_MOVING);
    b->capacity = (uint16_t)b->carved;
    b->free = chain.purged ? NULL : chain.head;
    block_set_used(b, used);
    heap_settle(heap, b);
    if (block_used(b) == 0) {
        pool_give(b);
    } else {
        orphan_put(b);
    }
}

void
heaps_fork_prepare(void)
{
    lock_acquire(&heaps_lock);
    gate_close();
    for (const struct heap *h = heaps_made; h != NULL; h = h->next_made) {
        gate_wait(&h->pass);
    }
    gate_wait(&sweep_pass);
    orphan_fork_prepare();
    quarantine_global_fork_prepare();
    pool_fork_prepare();
    lock_fork_begin();
}

void
heaps_fork_parent(void)
{
    lock_fork_end();
    pool_fork_parent();
    quarantine_global_fork_parent();
    orphan_fork_parent();
    gate_open();
    lock_release(&heaps_lock);
}

// The page is the parent's.
void
heaps_fork_child_alone(struct heap *self)
{
    heaps_process = os_process_id();
    if (self != NULL) {
        self->stats.tid = os_thread_id();
    }
    for (struct heap *h = heaps_made; h != NULL; h = h->next_made) {
        h->slot = NULL;
    }
}

void
heaps_fork_child(struct heap *self)
{
    struct fork_harvest harvest = {.self = self};
    struct heap *keeper = self != NULL ? self : heaps_made; // whose counters take what comes home
    bool alone = true;

    lock_fork_end();
    pool_fork_child();
    quarantine_global_fork_child();
    orphan_fork_child();
    gate_open();
    lock_renew(&heaps_lock);
    lock_renew(&sweep_lock);
    heaps_fork_child_alone(self);
    for (const struct heap *h = heaps_made; h != NULL; h = h->next_made) {
        alone &= h == self || !h->live;
    }
    if (alone) {
        return;
    }
    // Empty the inboxes that will live on before blocks change hands: afterwards no block that is
    // harvested is in any inbox but those of dead heaps, which are thrown away.
    if (self != NULL) {
        heap_drain(self);
    }
    orphan_drain(heap_orphans_lost, keeper);
    pool_visit_blocks(heaps_fork_collect, &harvest);
    for (struct heap *h = heaps_made; h != NULL; h = h->next_made) {
        if (h != self && h->live) {
            heap_reset(h);
            h->owner.inbox = INBOX_CLOSED;
            heaps_make_idle(h);
        }
    }
    while (harvest.nobodys != NULL) {
        struct block *b = harvest.nobodys;
        harvest.nobodys = b->inbox_next;
        pool_give(b);
    }
    while (harvest.unqueued != NULL) {
        struct block *b = harvest.unqueued;
        harvest.unqueued = b->inbox_next;
        remote_enqueue(b);
    }
    while (harvest.blocks != NULL) {
        struct block *b = harvest.blocks;
        harvest.blocks = b->inbox_next;
        heaps_fork_adopt(keeper, b);
    }
}
