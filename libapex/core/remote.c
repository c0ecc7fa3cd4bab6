// SPDX-License-Identifier: MIT
//
// The two stacks of the remote-free protocol: chunks on a block, blocks on an owner.

#include "core/remote.h"

// The remote word, from its lowest bits: length of the chain, and where its first and its last
// chunk lie in the block, in granules; 16 bits each; then one bit, "purged". A block has at most
// 4096 chunks, and a chunk is pushed at most once: the tag sees to that. With the last chunk known,
// the owner joins the chain to its list without a walk through another thread's cache.
#define FIELD_BITS 16
#define FIELD_MASK ((UINT64_C(1) << FIELD_BITS) - 1)
#define PURGED (UINT64_C(1) << 3 * FIELD_BITS)

_Static_assert(RUN_BYTES_MAX / ALIGN_BYTES <= FIELD_MASK + 1, "no run is longer");

static uint64_t
remote_granule(const struct block *b, const struct chunk *chunk)
{
    return ((uintptr_t)chunk - (uintptr_t)b->base) / ALIGN_BYTES;
}

static uint64_t
remote_pack(const struct block *b, struct chunk *head, struct chunk *tail, uint64_t count)
{
    return remote_granule(b, tail) << 2 * FIELD_BITS | remote_granule(b, head) << FIELD_BITS |
           count;
}

static struct chunk *
remote_chunk(const struct block *b, uint64_t granule)
{
    return (struct chunk *)(void *)(b->base + (granule & FIELD_MASK) * ALIGN_BYTES);
}

static struct remote_chain
remote_unpack(const struct block *b, uint64_t word)
{
    if ((word & FIELD_MASK) == 0) {
        return (struct remote_chain){0};
    }
    return (struct remote_chain){
        .head = remote_chunk(b, word >> FIELD_BITS),
        .tail = remote_chunk(b, word >> 2 * FIELD_BITS),
        .count = (uint32_t)(word & FIELD_MASK),
        .purged = (word & PURGED) != 0,
    };
}

uint32_t
remote_deliver(struct block *b, struct chunk *head, struct chunk *tail, uint32_t count)
{
    // Read now: as soon as the block is complete it may be another's, or nobody's.
    struct owner *owner = load_relaxed(&b->owner);
    uint32_t blocks = b->run_blocks;
    uint32_t capacity = b->capacity;
    uint64_t old = load_relaxed(&b->remote);
    uint64_t new;
    bool complete;

    do {
        struct remote_chain before = remote_unpack(b, old);
        if (unlikely(before.count + count > capacity)) {
            fault_raise(FAULT_DOUBLE_FREE, head, b->chunk_bytes); // more than there are
            return 0;
        }
        complete = before.count + count == capacity;
        freelist_set_next(tail, before.head, b->key);
        new = remote_pack(b, head, old == 0 ? tail : before.tail, before.count + count);
        // Release: the links are seen with the word. Acquire: who finds the word 0 will write
        // inbox_next, and must not do so before the owner has read it. Pairs with
        // remote_take_chain.
    } while (!cas_weak_acq_rel(&b->remote, &old, new));
    if (old == 0) {
        remote_enqueue(b);
    }
    return complete ? add_relaxed(&owner->home, blocks) + blocks : 0;
}

void
remote_enqueue(struct block *b)
{
    for (;;) {
        // Pairs with the release of whoever became the owner: its inbox is seen open.
        struct owner *owner = load_acquire(&b->owner);
        struct block *head = load_relaxed(&owner->inbox);
        while (head != INBOX_CLOSED) {
            b->inbox_next = head;
            // Pairs with the acquires in remote_take_inbox and remote_close_inbox.
            if (cas_weak_release(&owner->inbox, &head, b)) {
                return;
            }
        }
        cpu_relax(); // the owner is leaving and the block has another one already (R3)
    }
}

struct block *
remote_take_inbox(struct owner *owner)
{
    store_relaxed(&owner->home, 0); // R6
    return exchange_acquire(&owner->inbox, NULL);
}

struct block *
remote_close_inbox(struct owner *owner)
{
    return exchange_acq_rel(&owner->inbox, INBOX_CLOSED);
}

struct block *
remote_borrow_inbox(struct owner *owner)
{
    struct block *head = load_relaxed(&owner->inbox);

    while (head != NULL && head != INBOX_CLOSED) {
        // Pairs with the release in remote_enqueue.
        if (cas_weak_acq_rel(&owner->inbox, &head, NULL)) {
            store_relaxed(&owner->home, 0); // R6
            return head;
        }
    }
    return NULL;
}

bool
remote_is_complete(const struct block *b)
{
    // Pairs with the release in remote_deliver: the senders are done with the memory.
    struct remote_chain chain = remote_unpack(b, load_acquire(&b->remote));
    return chain.count == b->capacity && !chain.purged;
}

bool
remote_is_home(const struct block *b)
{
    return (load_relaxed(&b->remote) & FIELD_MASK) == b->capacity;
}

void
remote_set_purged(struct block *b)
{
    store_release(&b->remote, PURGED | b->capacity);
}

struct remote_chain
remote_take_chain(struct block *b)
{
    // Pairs with remote_deliver, both ways: takes its links, gives it inbox_next.
    return remote_unpack(b, exchange_acq_rel(&b->remote, 0));
}

void
remote_receive(struct block *b, struct remote_chain chain)
{
    if (chain.purged) {
        if (!block_receive_purged(b)) {
            fault_raise(FAULT_DOUBLE_FREE, b->base, b->chunk_bytes);
        }
    } else {
        block_receive(b, chain.head, chain.tail, chain.count);
    }
}
