// SPDX-License-Identifier: MIT
//
// Doubly linked, so that a block can leave from the middle.

#include "heap_list.h"

#include <stddef.h>

struct block *heap_available[SIZE_CLASS_COUNT];

void
heap_enter(struct block *block)
{
    struct block **list = &heap_available[block->size_class];

    block->previous = NULL;
    block->next = *list;
    if (*list != NULL) {
        (*list)->previous = block;
    }
    *list = block;
}

void
heap_leave(struct block *block)
{
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        heap_available[block->size_class] = block->next;
    }
}
