// SPDX-License-Identifier: MIT
//
// Frees by other threads: message passing, without locks, and without a store to the owner's line.
//
// A sender links chunks of one block into a chain and pushes the chain on the block's `remote` word
// by one compare-and-swap. Whoever finds the word empty also puts the block into its owner's inbox.
// The owner takes the whole inbox on its slow path, and from each block the whole chain.
//
//     sender                                owner
//     chain -> block->remote    (acq_rel)
//     was it 0? then
//     block -> owner->inbox     (release)
//                                           inbox := empty        (acquire)
//                                           for each block: read inbox_next, then
//                                           block->remote := 0    (acq_rel)
//
// Invariants
//   R1  remote != 0 exactly while the block is in one inbox, or is about to be put there by the
//       sender that found it 0, or has just been taken from one by an owner who has not emptied it
//       yet.
//   R2  Only the thread that took the block from an inbox sets `remote` to 0, after reading
//       inbox_next. So no block is in two inboxes, and none is in one inbox twice.
//   R3  A closed inbox takes no more blocks. Its owner gave all its blocks to another owner before
//       closing it, so a sender that meets it reads block->owner again and finds somebody else.
//   R4  A block in the wrong inbox (its owner changed meanwhile) is passed on by whoever drains
//       that one.
//   R5  A sleeper's inbox may be borrowed: whoever takes a block from it holds it alone, as its
//       owner would, and puts it back. A complete chain cannot grow, so the borrower may replace it
//       by the mark "purged".
//   R6  `home` counts the blocks that became complete while their owner did not look, so that
//       senders notice when too much waits with a sleeper. It is a hint: whoever empties the inbox
//       sets it to 0, and a block that becomes complete at that moment may be missed or counted
//       once too often, until the inbox is emptied again.
//
// The idea of message passing is snmalloc's (Lietar et al., 2019), the list in each block
// mimalloc's (Leijen et al., 2019). tests/model/ has the protocol as a Promela model.

#ifndef APEX_CORE_REMOTE_H
#define APEX_CORE_REMOTE_H

#include "core/block.h"

// Who owns blocks: the first member of a heap, and of the orphanage.
struct owner {
    struct block *inbox; // stack of blocks with remote frees; INBOX_CLOSED; any thread, atomic
    uint32_t home;       // R6, in units of 64 KiB; any thread, atomic; on the inbox's line
};

#define INBOX_CLOSED ((struct block *)1)

// A chain taken from a block's remote word. When `purged` is set every chunk of the block came home
// while its owner slept, and the pages were given back: there is no chain to follow.
struct remote_chain {
    struct chunk *head; // NULL when empty
    struct chunk *tail;
    uint32_t count;
    bool purged;
};

// Gives the chain head..tail of `count` chunks back to their block. Any thread. If it completes the
// block: how much came home in full to the owner since it last looked (R6), else 0.
uint32_t remote_deliver(struct block *b, struct chunk *head, struct chunk *tail, uint32_t count);

// Puts a block that is in no inbox, and has remote frees, into its owner's. Any thread.
void remote_enqueue(struct block *b);

// Takes all blocks from the inbox: a list linked by inbox_next, NULL at its end. Owner only.
struct block *remote_take_inbox(struct owner *owner);

// Closes the inbox and takes what was in it. Owner only, after it has given away its blocks (R3).
struct block *remote_close_inbox(struct owner *owner);

// Takes the chain of a block that was just taken from an inbox. The caller has read inbox_next
// (R2).
struct remote_chain remote_take_chain(struct block *b);

// Makes a chain part of its block, and raises the fault when a chunk of it was freed twice. Owner
// only.
void remote_receive(struct block *b, struct remote_chain chain);

// For sleepers (policy/heap.c): takes all blocks from the inbox of an owner who may be anywhere in
// its own code; NULL when it is empty or closed. The caller puts each block back by remote_enqueue.
// Any thread.
struct block *remote_borrow_inbox(struct owner *owner);

// True if all chunks of a borrowed block are in its chain: then nobody reads or writes its memory
// until the owner receives them. remote_set_purged() says that it has been given back meanwhile.
bool remote_is_complete(const struct block *b);
void remote_set_purged(struct block *b);

// True if all chunks of a block are in its chain, purged or not: none of them is live. Any thread.
bool remote_is_home(const struct block *b);

// True if something waits. A hint: read it before the cost of taking.
FAST bool
remote_pending(const struct owner *owner)
{
    return load_relaxed(&owner->inbox) != NULL;
}

#endif
