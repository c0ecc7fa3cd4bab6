// SPDX-License-Identifier: MIT
//
// One thread's heap: the slow half of malloc and free, what a thread owes others when it ends, and
// its statistics.

#include "policy/heap.h"

#include "core/meta.h"
#include "os/lock.h"
#include "policy/orphan.h"
#include "policy/pool.h"

// Housekeeping (old memory, batches, registration) is looked after on every 16th slow allocation.
#define TICK_MASK 15

// No room, and no address fits it: not NULL either, since NULL - 1 has all bits.
static const struct block block_none = {.base = (char *)1, .outside = UINTPTR_MAX};

#define NO_BLOCK ((struct block *)(uintptr_t)&block_none)
#define N4 NO_BLOCK, NO_BLOCK, NO_BLOCK, NO_BLOCK
#define N8 N4, N4
#define N32 N8, N8, N8, N8
#define NO_BLOCKS                                                  \
    {                                                              \
        .direct = {N32, N32, NO_BLOCK},                            \
        .current = {N32, N32, N8, N8, N8, N4, NO_BLOCK, NO_BLOCK, NO_BLOCK}, \
    }
const struct heap heap_none = NO_BLOCKS;
const struct heap heap_gone = NO_BLOCKS;
_Static_assert(CLASS_COUNT == 95 && DIRECT_COUNT == 65, "NO_BLOCKS names every entry");

__thread struct heap_self heap_self = {
    .heap = (struct heap *)(uintptr_t)&heap_none,
    .direct_end = DIRECT_BYTES_MAX + 1,
};

static struct heap_hooks hooks;

// --- Statistics ----------------------------------------------------------------------------------

bool
heap_shares_slot(const struct heap *heap)
{
    return heap->index >= APEX_STATS_SLOTS - 1;
}

static void
heap_add(const struct heap *heap, uint64_t *truth, uint64_t delta)
{
    struct apex_stats_thread *slot = load_acquire(&heap->slot);

    store_relaxed(truth, *truth + delta);
    if (slot == NULL) {
        return;
    }
    size_t offset = (size_t)((const char *)truth - (const char *)&heap->stats);
    uint64_t *mirror = (uint64_t *)(void *)((char *)slot + offset);
    if (heap_shares_slot(heap)) {
        add_relaxed(mirror, delta);
    } else {
        store_relaxed(mirror, *truth);
    }
}

#define HEAP_COUNT(heap, field, delta) heap_add((heap), &(heap)->stats.field, (delta))

// There may be no page any more; or, in a child that no fork handler saw, it is somebody else's. A
// new page gives the heap its slot by heap_mirror_all.
static void
heap_check_slot(struct heap *heap)
{
    if (load_relaxed(&heap->slot) != NULL && hooks.slot_of(heap->index) == NULL) {
        store_relaxed(&heap->slot, NULL);
    }
}

void
heap_settle(struct heap *heap, struct block *b)
{
    uint32_t used = block_used(b);

    if (used > b->settled) {
        HEAP_COUNT(heap, class[b->size_class].live_gained, used - b->settled);
    } else if (used < b->settled) {
        HEAP_COUNT(heap, class[b->size_class].live_lost, b->settled - used);
    }
    b->settled = used;
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
        store_relaxed(&slot->tid, heap->stats.tid);
        store_relaxed(&slot->state, (uint32_t)(heap->live ? APEX_SLOT_LIVE : APEX_SLOT_EXITED));
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

// --- Remote frees: sending -----------------------------------------------------------------------

// Delivers one batch, through the gate, and lets the orphanage tidy up if it was for an orphan.
static SLOW void
heap_deliver(struct heap *heap, struct heap_batch *batch)
{
    struct block *b = batch->block;
    bool orphan = orphan_is_owner(load_relaxed(&b->owner));

    batch->block = NULL;
    heap_check_slot(heap);
    gate_enter(&heap->pass);
    remote_deliver(b, batch->head, batch->tail, batch->count);
    gate_leave(&heap->pass);
    HEAP_COUNT(heap, remote_sent, batch->count);
    HEAP_COUNT(heap, remote_batches, 1);
    if (unlikely(orphan)) {
        orphan_drain(heap_orphans_lost, heap);
    }
}

static void
heap_deliver_all(struct heap *heap)
{
    for (unsigned i = 0; i < BATCH_SLOTS; i++) {
        if (heap->batch[i].block != NULL) {
            heap_deliver(heap, &heap->batch[i]);
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
        heap_deliver(heap, batch);
    }
}

// Another block needs the slot.
static SLOW void
heap_batch_open(struct heap *heap, struct heap_batch *batch, struct block *b, struct chunk *chunk)
{
    if (batch->block != NULL) {
        heap_deliver(heap, batch);
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

// H3. The sizes of a class are those above the class below it.
static void
heap_set_current(struct heap *heap, unsigned c, struct block *b)
{
    size_t last = size_classes[c].chunk_bytes / ALIGN_BYTES;
    size_t first = c == 0 ? 0 : size_classes[c - 1].chunk_bytes / ALIGN_BYTES + 1;

    heap->current[c] = b;
    for (size_t n = first; n <= last && n < DIRECT_COUNT; n++) {
        heap->direct[n] = b;
    }
}

// Gives an empty block, in no list, back. Nothing is under way to it: what other threads freed
// counts as used until it is received.
static void
heap_give(struct heap *heap, struct block *b)
{
    pool_give(b);
    HEAP_COUNT(heap, blocks_returned, 1);
}

// Takes the block out of the idle list.
static void
heap_unidle(struct heap *heap, struct block *b)
{
    list_remove(&b->link);
    heap->idle_blocks -= b->run_blocks;
}

static void
heap_shrink_idle(struct heap *heap, unsigned blocks_max)
{
    while (heap->idle_blocks > blocks_max) {
        struct block *b = list_entry(heap->idle.prev, struct block, link);
        heap_unidle(heap, b);
        block_set_state(b, BLOCK_MOVING);
        heap_give(heap, b);
    }
}

// Files a block that is not current by what it has room for (H1). An empty one stays at hand (H2),
// and the one that did so longest makes room for it.
static void
heap_file(struct heap *heap, struct block *b)
{
    uint32_t used = block_used(b);

    heap_settle(heap, b);
    list_remove(&b->link);
    if (used == 0) {
        block_set_state(b, BLOCK_IDLE);
        block_set_used(b, 0);
        list_push(&heap->idle, &b->link);
        heap->idle_blocks += b->run_blocks;
        heap_shrink_idle(heap, IDLE_BLOCKS_MAX);
        return;
    }
    block_set_state(b, block_has_room(b) ? BLOCK_AVAILABLE : BLOCK_FULL);
    block_set_used(b, used);
    list_push(b->state == BLOCK_FULL ? &heap->full : &heap->available[b->size_class], &b->link);
}

static void
heap_receive(struct heap *heap, struct block *b)
{
    struct remote_chain chain = remote_take_chain(b);

    remote_receive(b, chain);
    HEAP_COUNT(heap, remote_received, chain.count);
    if (b->state == BLOCK_CURRENT) {
        heap_settle(heap, b);
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

SLOW void
heap_free_event(struct heap *heap, struct block *b)
{
    heap_check_slot(heap);
    HEAP_COUNT(heap, slow_frees, 1);
    if (b->state == BLOCK_AVAILABLE && block_used(b) != 0) {
        heap_settle(heap, b); // an eighth of it came free: it is where it belongs
        block_set_used(b, block_used(b));
    } else {
        heap_file(heap, b);
    }
}

// Takes the class's current block away from it.
static void
heap_park(struct heap *heap, unsigned c)
{
    struct block *b = heap->current[c];

    if (b != NO_BLOCK) {
        heap_set_current(heap, c, NO_BLOCK);
        block_set_state(b, BLOCK_MOVING);
        heap_file(heap, b);
    }
}

void
heap_collect(struct heap *heap)
{
    heap_deliver_all(heap);
    heap_drain(heap);
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        heap_park(heap, c);
    }
    heap_shrink_idle(heap, 0);
}

// --- Allocation ----------------------------------------------------------------------------------

static void
heap_make_current(struct heap *heap, struct block *b)
{
    uint32_t used = block_used(b);

    if (b->size_class >= CLASS_RUN && b->size_class != heap->run_class) {
        heap_park(heap, heap->run_class);
        heap->run_class = b->size_class;
    }
    list_remove(&b->link);
    block_set_state(b, BLOCK_CURRENT);
    block_set_used(b, used);
    heap_set_current(heap, b->size_class, b);
}

// The longest run that may serve class `c`: realloc takes an object for too large when less than
// half of it is used.
static unsigned
heap_longest_run(unsigned c)
{
    unsigned want = size_classes[c].run_blocks;
    return c < CLASS_RUN || want == 2 ? want : 2 * (want - 1);
}

// An idle block of the same class, or of the same length. For a class of runs the shortest that
// will do: being longer costs no memory that it does not hold already.
static struct block *
heap_find_idle(struct heap *heap, unsigned c)
{
    unsigned want = size_classes[c].run_blocks;
    unsigned longest = heap_longest_run(c);
    struct block *found = NULL;

    for (struct list *l = heap->idle.next; l != &heap->idle; l = l->next) {
        struct block *b = list_entry(l, struct block, link);
        if (b->size_class == c) {
            return b;
        }
        bool fits = b->run_blocks == want || b->size_class >= CLASS_RUN;
        if (fits && b->run_blocks >= want && b->run_blocks <= longest) {
            longest = b->run_blocks - 1u;
            found = b;
        }
    }
    return found;
}

static struct block *
heap_take_fresh(struct heap *heap, unsigned c)
{
    bool clean = false;
    struct block *b = heap_find_idle(heap, c);

    if (b != NULL) {
        heap_unidle(heap, b);
        if (b->size_class == c || b->run_blocks > size_classes[c].run_blocks) {
            return b; // as it is
        }
    } else {
        b = pool_take(size_classes[c].run_blocks, &clean);
        if (b == NULL && heap->idle_blocks > 0) {
            heap_shrink_idle(heap, 0); // of the wrong length, and they count for the heap limit
            b = pool_take(size_classes[c].run_blocks, &clean);
        }
        if (b == NULL) {
            return NULL;
        }
        HEAP_COUNT(heap, blocks_taken, 1);
    }
    char *first = superblock_block_address(superblock_of(b), geometry_descriptor_index(b));
    block_init(b, first, c, &heap->owner, freelist_key(rng_next(&heap->rng)));
    b->clean = clean;
    return b;
}

// The current block of class `c` is used up: puts another one in its place. For a class of runs it
// may be one of a larger class. NULL: no memory.
static struct block *
heap_next_block(struct heap *heap, unsigned c)
{
    struct block *b;

    if (!list_empty(&heap->available[c])) {
        b = list_entry(heap->available[c].next, struct block, link);
    } else if ((b = orphan_adopt(c, &heap->owner, heap_orphans_lost, heap)) != NULL) {
        HEAP_COUNT(heap, blocks_adopted, 1);
    } else if ((b = heap_take_fresh(heap, c)) == NULL) {
        return NULL;
    }
    struct block *old = heap->current[b->size_class];
    heap_make_current(heap, b);
    if (old != NO_BLOCK) {
        block_set_state(old, BLOCK_MOVING);
        heap_file(heap, old);
    }
    return b;
}

static void
heap_tick(struct heap *heap)
{
    if ((heap->ticks++ & TICK_MASK) == 0) {
        heap_deliver_all(heap);
        pool_decay();
        hooks.tick();
    }
}

SLOW void *
heap_alloc_slow(struct heap *heap, unsigned c, bool *zeroed)
{
    *zeroed = false;
    heap_check_slot(heap);
    HEAP_COUNT(heap, slow_allocs, 1);
    heap_tick(heap);
    heap_drain(heap);
    struct block *b = heap->current[c];
    if (c >= CLASS_RUN && c < heap->run_class &&
        size_classes[heap->run_class].run_blocks <= heap_longest_run(c)) {
        b = heap->current[heap->run_class]; // a longer run at hand is better than a fitting one
    }
    for (;;) {
        void *p = block_pop(b);
        if (p != NULL) {
            heap_settle(heap, b);
            return p;
        }
        if (unlikely(block_corrupt(b))) {
            fault_raise(FAULT_CORRUPT_LIST, b->base, b->chunk_bytes); // the link itself is noise
            // Reported only: the rest of the list is lost and counts as used; the program goes on.
            b->free = NULL;
            block_set_used(b, (uint32_t)b->carved);
        }
        if (b != NO_BLOCK && block_carve(b)) {
            *zeroed = b->clean;
            continue;
        }
        b = heap_next_block(heap, c);
        if (b == NULL) {
            return NULL;
        }
    }
}

// --- Beginning and end ---------------------------------------------------------------------------

void
heap_set_hooks(const struct heap_hooks *new_hooks)
{
    hooks = *new_hooks;
}

struct apex_stats_thread *
heap_page_slot(const struct heap *heap)
{
    return hooks.slot_of(heap->index);
}

void
heap_reset(struct heap *heap)
{
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        heap_set_current(heap, c, NO_BLOCK);
        list_init(&heap->available[c]);
    }
    list_init(&heap->full);
    list_init(&heap->idle);
    heap->idle_blocks = 0;
    for (unsigned i = 0; i < BATCH_SLOTS; i++) {
        heap->batch[i].block = NULL;
    }
    heap->run_class = CLASS_RUN;
    heap->pass.inside = 0;
    heap->ticks = 0;
}

// Gives a block away at thread exit: to the pool when it is empty, else to the orphanage.
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
        block_set_used(b, used);
        orphan_put(b);
    }
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
    heap_deliver_all(heap);
    heap_drain(heap);
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        struct block *b = heap->current[c];
        heap_set_current(heap, c, NO_BLOCK);
        if (b != NO_BLOCK) {
            heap_abandon(heap, b);
        }
        heap_abandon_list(heap, &heap->available[c]);
    }
    heap_abandon_list(heap, &heap->full);
    heap_shrink_idle(heap, 0);
    // No block names this heap any more; what still arrived meanwhile is passed on (R3, R4).
    heap_sort_inbox(heap, remote_close_inbox(&heap->owner));
    orphan_drain(heap_orphans_lost, heap);
}

// --- Audit ---------------------------------------------------------------------------------------

static void
heap_audit_current(const struct heap *heap, unsigned c)
{
    const struct block *b = heap->current[c];

    apex_audit(b == NO_BLOCK || b->state == BLOCK_CURRENT);
    apex_audit(b == NO_BLOCK || c < CLASS_RUN || c == heap->run_class);
    for (size_t n = 0; n < DIRECT_COUNT; n++) {
        apex_audit(size_class_small(n * ALIGN_BYTES) != c || heap->direct[n] == b);
    }
    if (b != NO_BLOCK) {
        block_audit(b);
    }
}

static void
heap_audit_list(const struct heap *heap, const struct list *head, enum block_state state)
{
    for (const struct list *l = head->next; l != head; l = l->next) {
        const struct block *b = list_entry(l, struct block, link);
        apex_audit(b->state == state);
        apex_audit(b->owner == &heap->owner);
        apex_audit((block_used(b) == 0) == (state == BLOCK_IDLE));
        block_audit(b);
    }
}

void
heap_audit(struct heap *heap)
{
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        heap_audit_current(heap, c);
        heap_audit_list(heap, &heap->available[c], BLOCK_AVAILABLE);
    }
    heap_audit_list(heap, &heap->full, BLOCK_FULL);
    apex_audit(heap->idle_blocks <= IDLE_BLOCKS_MAX);
    heap_audit_list(heap, &heap->idle, BLOCK_IDLE);
}
