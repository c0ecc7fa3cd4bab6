// SPDX-License-Identifier: MIT
//
// Phase VII, easy exercise: a chunk that comes out of the list without its mark has been written
// to.
//
// IN block.c

void *
block_take(struct block *block, char *start)
{
    if (block->free == NULL) {
        block_carve(block, start);
    }
    struct chunk *chunk = block->free;
    struct chunk *next = chunk_next(chunk);
    if ((next != NULL && !block_has(block, start, next)) || !chunk_is_marked(chunk)) {
        fault("a free object was written to: its link is broken");
    }
    chunk_set_mark(chunk, false);
    block->free = next;
    block_count(block, 1);
    return chunk;
}
