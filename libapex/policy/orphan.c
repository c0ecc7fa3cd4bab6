// SPDX-License-Identifier: MIT
//
// The orphanage: one lock, one inbox, a list of blocks with room for each size class.

#include "policy/orphan.h"

#include "base/bits.h"
#include "core/heapmap.h"
#include "os/lock.h"
#include "policy/pool.h"

static struct owner orphanage; // inbox never closed
static struct lock orphan_lock = LOCK_INIT(LOCK_RANK_ORPHAN);
static struct list with_room[NUMA_HOMES][CLASS_COUNT]; // those of a home that is not `started`
                                                       // are not made yet
static size_t orphan_count; // blocks owned, with room or without
static uint64_t started; // a bit for each home

static void
orphan_acquire(void)
{
    lock_acquire(&orphan_lock);
}

// With the lock. False when no orphan of that home ever had room.
static bool
orphan_has(unsigned home, unsigned c)
{
    return (started >> home & 1) != 0 && !list_empty(&with_room[home][c]);
}

static struct list *
orphan_list(unsigned home, unsigned c)
{
    if ((started >> home & 1) == 0) {
        for (unsigned i = 0; i < CLASS_COUNT; i++) {
            list_init(&with_room[home][i]);
        }
        started |= UINT64_C(1) << home;
    }
    return &with_room[home][c];
}

bool
orphan_is_owner(const struct owner *owner)
{
    return owner == &orphanage;
}

// Files a block by whether it has room. A full one is in no list: the next free brings it back by
// the inbox.
static void
orphan_file(struct block *b)
{
    uint32_t used = block_used(b);

    list_remove(&b->link);
    block_set_state(b, block_has_room(b) ? BLOCK_AVAILABLE : BLOCK_FULL);
    block_set_used(b, used);
    if (!heapmap_tells(b)) {
        heapmap_show(b, APEX_OWNER_ORPHAN);
    }
    if (b->state == BLOCK_AVAILABLE) {
        list_push(orphan_list(pool_home_of(b), b->size_class), &b->link);
    }
}

void
orphan_put(struct block *b)
{
    orphan_acquire();
    // Pairs with the acquire in remote_enqueue.
    store_release(&b->owner, &orphanage);
    heapmap_forget(b);
    orphan_file(b);
    store_relaxed(&orphan_count, orphan_count + 1);
    lock_release(&orphan_lock);
    POOL_COUNT(orphan_blocks, 1);
}

static void
orphan_let_go(struct block *b)
{
    list_remove(&b->link);
    store_relaxed(&orphan_count, orphan_count - 1);
    POOL_COUNT(orphan_blocks, -1);
}

// Takes the chain of a block from the inbox. With the lock. True when the block is empty now: it is
// in no list, and the caller gives it to the pool.
static bool
orphan_receive(struct block *b, orphan_lost_fn *lost, void *heap)
{
    struct remote_chain chain = remote_take_chain(b);
    uint32_t before = block_used(b);

    remote_receive(b, chain);
    lost(heap, b->size_class, before - block_used(b));
    b->settled = block_used(b);
    if (block_used(b) != 0) {
        orphan_file(b);
        return false;
    }
    orphan_let_go(b);
    store_relaxed(&b->owner, NULL);
    return true;
}

// With the lock. Returns the blocks that became empty, linked by inbox_next.
static struct block *
orphan_empty_inbox(orphan_lost_fn *lost, void *heap)
{
    struct block *empty = NULL;
    struct block *b = remote_pending(&orphanage) ? remote_take_inbox(&orphanage) : NULL;

    while (b != NULL) {
        struct block *next = b->inbox_next; // before the chain is taken: R2
        if (!orphan_is_owner(load_relaxed(&b->owner))) {
            remote_enqueue(b); // adopted meanwhile: R4
        } else if (orphan_receive(b, lost, heap)) {
            b->inbox_next = empty;
            empty = b;
        }
        b = next;
    }
    return empty;
}

// Without the lock: the pool may purge, which takes its time.
static void
orphan_give(struct block *empty)
{
    while (empty != NULL) {
        struct block *next = empty->inbox_next;
        pool_give(empty);
        empty = next;
    }
}

// The first with room of this home or, for ORPHAN_ANYWHERE, of any. With the lock.
static struct block *
orphan_find(unsigned c, unsigned home)
{
    bool anywhere = home == ORPHAN_ANYWHERE;
    uint64_t left = anywhere ? started : UINT64_C(1) << home;

    for (; left != 0; left &= left - 1) {
        if (orphan_has(bits_lowest(left), c)) {
            return list_entry(with_room[bits_lowest(left)][c].next, struct block, link);
        }
    }
    return NULL;
}

struct block *
orphan_adopt(unsigned c, unsigned home, struct owner *owner, orphan_lost_fn *lost, void *heap)
{
    if (load_relaxed(&orphan_count) == 0) {
        return NULL;
    }
    orphan_acquire();
    struct block *empty = orphan_empty_inbox(lost, heap);
    struct block *b = orphan_find(c, home);
    if (b != NULL) {
        orphan_let_go(b);
        block_set_state(b, BLOCK_MOVING);
        // Pairs with the acquire in remote_enqueue.
        store_release(&b->owner, owner);
        heapmap_forget(b);
    }
    lock_release(&orphan_lock);
    orphan_give(empty);
    return b;
}

void
orphan_drain(orphan_lost_fn *lost, void *heap)
{
    // Whoever holds the lock may have emptied the inbox a moment too early to see this delivery;
    // then the next delivery, adoption or exit takes it.
    if (remote_pending(&orphanage) && lock_try(&orphan_lock)) {
        struct block *empty = orphan_empty_inbox(lost, heap);
        lock_release(&orphan_lock);
        orphan_give(empty);
    }
}

void
orphan_fork_prepare(void)
{
    orphan_acquire();
}

void
orphan_fork_parent(void)
{
    lock_release(&orphan_lock);
}

void
orphan_fork_child(void)
{
    lock_renew(&orphan_lock);
}
