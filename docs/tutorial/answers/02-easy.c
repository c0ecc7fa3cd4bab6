// SPDX-License-Identifier: MIT
//
// Phase II, easy exercise: what is freed is overwritten, so that a program that goes on reading it
// notices. The link needs the first bytes.
//
// IN block.c
#include <string.h>

#define FREED_BYTE 0xdd

void
block_put(struct block *block, void *p)
{
    struct chunk *chunk = p;

    memset(p, FREED_BYTE, block->chunk_bytes);
    chunk->next = block->free;
    block->free = chunk;
    block->used--;
}
