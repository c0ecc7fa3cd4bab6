// SPDX-License-Identifier: MIT
//
// Phase VII, medium exercise: which of two blocks an object comes from is a matter of chance as
// well.
//
// IN heap_list.c

void
heap_enter(struct block *block)
{
    struct block **list = &block->owner->available[block->size_class];
    struct block *before = random_below(2) == 0 ? NULL : *list;
    struct block **place = before == NULL ? list : &before->next;

    block->previous = before;
    block->next = *place;
    if (block->next != NULL) {
        block->next->previous = block;
    }
    *place = block;
}
