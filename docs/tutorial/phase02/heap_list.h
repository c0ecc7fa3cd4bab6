// SPDX-License-Identifier: MIT
//
// The lists of blocks with room, one for each size class.

#ifndef TINY_HEAP_LIST_H
#define TINY_HEAP_LIST_H

#include "block.h"
#include "size_class.h"

extern struct block *heap_available[SIZE_CLASS_COUNT];

// Into the list of its class, and out of it.
void heap_enter(struct block *block);
void heap_leave(struct block *block);

#endif
