// SPDX-License-Identifier: MIT
//
// What lies between the free of an object and its chunk's way back into a list.

#ifndef TINY_HEAP_RETIRE_H
#define TINY_HEAP_RETIRE_H

#include "block.h"

// With TINY_OPTIONS=fill: overwrites an object that is about to be freed. Until it is in a list,
// the memory is still the caller's.
void heap_fill(void *p);

// A marked chunk of a block of the calling thread goes into quarantine, and another out of it.
void heap_retire(struct block *block, struct chunk *chunk);

#endif
