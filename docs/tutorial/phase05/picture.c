// SPDX-License-Identifier: MIT
//
// The heap as text: a row for each block that is in use, superblock by superblock, and one for each
// large object.

#include "heap.h"
#include "large.h"
#include "picture_block.h"
#include "superblock.h"
#include "text.h"
#include "tiny.h"

enum { ROWS_MAX = 24 };

// Superblocks are numbered from the newest on. Returns how many rows there may still be.
static int
picture_superblock(int fd, const struct superblock *sb, size_t number, int rows)
{
    text_print(fd, "superblock %zu: %d of 63 blocks free\n", number,
               __builtin_popcountll(sb->free));
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
