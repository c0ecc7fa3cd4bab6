// SPDX-License-Identifier: MIT
//
// Chunks on their way home: other threads push them, the owner of the block takes them all at once.
//
//   any thread                                 the owner
//     chunk->next = first                        first = NULL, and has what it was
//     first = chunk, if it is still the same     chunk = chunk->next …
//
// Only whole lists are taken, and never a single chunk: a list that was left while somebody pushes
// cannot be mistaken for one that was the same all the time (the ABA problem), since the pusher
// does not look into the chunk that it puts its own in front of.
//
// Invariants
//   M1  A chunk is in at most one list, and nobody touches it there but the owner who took the
//       list.
//   M2  What the freeing thread did with the object happens before what the owner does with the
//       chunk.

#ifndef TINY_REMOTE_H
#define TINY_REMOTE_H

#include "block.h"

#include <stdatomic.h>

struct remote {
    _Atomic(struct chunk *) first;
};

// Any thread. Never waits.
void remote_push(struct remote *remote, struct chunk *chunk);

// The owner. NULL when there is nothing.
struct chunk *remote_take_all(struct remote *remote);

#endif
