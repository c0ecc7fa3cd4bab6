// SPDX-License-Identifier: MIT
//
// The heap as text: a row for each block that is in use, with its first chunks, superblock by
// superblock, and one for each large object. The chunks of other threads change while we look: of
// their blocks only the class is shown.

#include "heap.h"
#include "large.h"
#include "superblock.h"
#include "text.h"
#include "thread.h"
#include "tiny.h"

#include <string.h>

enum { ROW_CHUNKS = 32, ROWS_MAX = 24 };

// '#' a live chunk, '.' one that is not, ' ' one that is not cut yet.
static void
picture_chunks(const struct block *block, char *cells)
{
    const char *start = superblock_memory(block);

    memset(cells, ' ', ROW_CHUNKS);
    for (size_t i = 0; i < ROW_CHUNKS && i < block->carved; i++) {
        const void *chunk = start + i * block->chunk_bytes;
        cells[i] = chunk_is_marked(chunk) ? '.' : '#';
    }
}

static void
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

// Superblocks are numbered from the newest on. Returns how many rows there may still be.
static int
picture_superblock(int fd, const struct superblock *sb, size_t number, int rows)
{
    text_print(fd, "superblock %zu: %d of 63 blocks free, %d of them dirty\n", number,
               __builtin_popcountll(sb->free), __builtin_popcountll(sb->dirty));
    for (size_t i = 1; i < SUPERBLOCK_BLOCKS && rows > 0; i++) {
        unsigned state = sb->block[i].state;
        picture_row(fd, &sb->block[i], i);
        rows -= state != BLOCK_FREE && state != BLOCK_TAIL ? 1 : 0;
    }
    return rows;
}

void
tiny_picture(int fd)
{
    int rows = ROWS_MAX;
    size_t number = 0;

    heap_hold();
    for (const struct superblock *sb = superblock_first(); sb != NULL && rows > 0; sb = sb->next) {
        rows = picture_superblock(fd, sb, number++, rows);
    }
    for (const struct large *large = large_first(); large != NULL && rows > 0; rows--) {
        text_print(fd, "large object of %zu KiB\n", large->object_bytes / 1024);
        large = large->next;
    }
    heap_let_go();
}
