// SPDX-License-Identifier: MIT
//
// A block with its first chunks.

#include "picture_block.h"

#include "superblock.h"
#include "text.h"
#include "thread.h"

#include <string.h>

enum { ROW_CHUNKS = 32 };

// '#' a live chunk, '.' a freed one, ' ' one that is not cut yet.
static void
picture_chunks(const struct block *block, char *cells)
{
    memset(cells, ' ', ROW_CHUNKS);
    memset(cells, '#', block->carved < ROW_CHUNKS ? block->carved : ROW_CHUNKS);
    for (const struct chunk *chunk = block->free; chunk != NULL; chunk = chunk->next) {
        size_t at = (size_t)((const char *)chunk - superblock_memory(block));
        size_t number = at / block->chunk_bytes;
        if (number < ROW_CHUNKS) {
            cells[number] = '.';
        }
    }
}

void
picture_row(int fd, const struct block *block, size_t number)
{
    char cells[ROW_CHUNKS];

    if (block->state == BLOCK_CHUNKS && block->owner != thread_mine) {
        text_print(fd, "block %2zu  another thread's, %u bytes\n", number, block->chunk_bytes);
    } else if (block->state == BLOCK_CHUNKS) {
        picture_chunks(block, cells);
        text_print(fd, "block %2zu |%.*s| %5u bytes, %u of %u live\n", number, ROW_CHUNKS, cells,
                   block->chunk_bytes, block->used, block->capacity);
    } else if (block->state == BLOCK_LARGE || block->state == BLOCK_OWN) {
        text_print(fd, "block %2zu  %s, %u blocks\n", number,
                   block->state == BLOCK_LARGE ? "large" : "libtiny's own", block->run_blocks);
    }
}
