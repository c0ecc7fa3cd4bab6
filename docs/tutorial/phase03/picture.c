// SPDX-License-Identifier: MIT
//
// The heap as text: a row for each block that is in use, with its first chunks.
//
// Prints without stdio, which allocates.

#include "heap.h"
#include "region.h"
#include "tiny.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROW_CHUNKS = 32, ROWS_MAX = 24 };

static void
picture_write(int fd, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t done = write(fd, text, bytes);
        if (done <= 0) {
            return;
        }
        text += done;
        bytes -= (size_t)done;
    }
}

// '#' a live chunk, '.' a freed one, ' ' one that is not cut yet.
static void
picture_chunks(const struct block *block, char *cells)
{
    memset(cells, ' ', ROW_CHUNKS);
    memset(cells, '#', block->carved < ROW_CHUNKS ? block->carved : ROW_CHUNKS);
    for (const struct chunk *chunk = block->free; chunk != NULL; chunk = chunk->next) {
        size_t number = (size_t)((const char *)chunk - region_memory(block)) / block->chunk_bytes;
        if (number < ROW_CHUNKS) {
            cells[number] = '.';
        }
    }
}

static void
picture_row(int fd, const struct block *block, size_t number)
{
    char cells[ROW_CHUNKS], line[160];
    int bytes = 0;

    if (block->state == BLOCK_CHUNKS) {
        picture_chunks(block, cells);
        bytes = snprintf(line, sizeof line, "block %2zu |%.*s| %5u bytes, %u of %u live\n", number,
                         ROW_CHUNKS, cells, block->chunk_bytes, block->used, block->capacity);
    } else if (block->state == BLOCK_LARGE) {
        bytes = snprintf(line, sizeof line, "block %2zu  large, %u blocks\n", number,
                         block->run_blocks);
    }
    picture_write(fd, line, (size_t)bytes);
}

void
tiny_picture(int fd)
{
    const struct block *first;

    heap_hold();
    size_t count = region_table(&first);

    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        picture_row(fd, &first[i], i);
    }
    heap_let_go();
}
