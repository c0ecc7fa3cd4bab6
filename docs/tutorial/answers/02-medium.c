// SPDX-License-Identifier: MIT
//
// Phase II, medium exercise: the list of a class is in the order of the addresses, so objects
// gather in the low blocks, and the high ones can become empty.
//
// IN heap_list.c

void
heap_enter(struct block *block)
{
    struct block **place = &heap_available[block->size_class];
    struct block *before = NULL;

    while (*place != NULL && *place < block) {
        before = *place;
        place = &before->next;
    }
    block->previous = before;
    block->next = *place;
    if (block->next != NULL) {
        block->next->previous = block;
    }
    *place = block;
}
