// SPDX-License-Identifier: MIT
//
// The lists of blocks with room, and chunks of the blocks in them. The owner of the block.

#ifndef TINY_HEAP_LIST_H
#define TINY_HEAP_LIST_H

#include "block.h"

// A fresh block comes into its owner's list.
void heap_enter(struct block *block);

// A chunk of a block that is in the list.
void *heap_take(struct block *block);

// Puts a chunk back. The block may go back to its superblock: not with the lock.
void heap_put(struct block *block, void *p);

#endif
