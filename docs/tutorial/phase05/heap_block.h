// SPDX-License-Identifier: MIT
//
// Blocks out of superblocks and back. Takes the lock: without it.

#ifndef TINY_HEAP_BLOCK_H
#define TINY_HEAP_BLOCK_H

#include "thread.h"

// A fresh block for class `c` of `mine`, in no list. NULL when there is no memory.
struct block *heap_open(struct thread_heap *mine, unsigned c);

// Gives a block or a run back.
void heap_give(struct block *block);

#endif
