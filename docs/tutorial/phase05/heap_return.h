// SPDX-License-Identifier: MIT
//
// What one thread has allocated and another frees.

#ifndef TINY_HEAP_RETURN_H
#define TINY_HEAP_RETURN_H

#include "block.h"

// Leaves a chunk to the thread that owns its block. Any other thread.
void heap_return(struct block *block, void *p);

// Puts back what other threads have returned. The owner.
void heap_collect(struct thread_heap *mine);

#endif
