// SPDX-License-Identifier: MIT
//
// A row of squares for each superblock, a square for each block: its colour is its size class, and
// how strong it is says how full the block is. The pointer on a square shows the figures.

#include "page.h"

#include "block_count.h"
#include "heap.h"
#include "large.h"
#include "size_class.h"
#include "superblock.h"
#include "text.h"
#include "tiny.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SQUARE = 14, ROWS_MAX = 200 };

static const char page_head[] =
    "<!doctype html><meta charset='utf-8'><title>A heap of libtiny</title>\n"
    "<style>:root{color-scheme:light dark}body{font:14px sans-serif;margin:2em}"
    "rect{stroke:#8888}</style>\n"
    "<h1>A heap of libtiny</h1>\n";

// The colour of a size class: from blue for the smallest to red for the largest.
static void
page_hue(char hue[32], unsigned c)
{
    snprintf(hue, 32, "hsl(%u 70%% 50%%)", 240 - 240 * c / (SIZE_CLASS_COUNT - 1));
}

// Where in the picture block `number` of row `row` is.
static void
page_square(int fd, size_t number, size_t row, const char *fill, unsigned strength)
{
    text_print(fd,
               "<rect x='%zu' y='%zu' width='%d' height='%d' fill='%s' fill-opacity='%u%%'>",
               number * SQUARE, row * SQUARE, SQUARE - 2, SQUARE - 2, fill, strength);
}

static void
page_block(int fd, const struct superblock *sb, size_t number, size_t row)
{
    // BEGIN STEP 4:
    const struct block *block = &sb->block[number];
    bool dirty = (sb->dirty >> number & 1) != 0;
    char hue[32];

    if (block->state == BLOCK_CHUNKS) {
        uint32_t used = block_used(block);
        page_hue(hue, block->size_class);
        page_square(fd, number, row, hue, 20 + 80 * used / block->capacity);
        text_print(fd, "<title>%u of %u objects of %u bytes</title></rect>\n", used,
                   block->capacity, block->chunk_bytes);
    } else if (number == 0 || block->state == BLOCK_OWN) {
        page_square(fd, number, row, "#000", 70);
        text_print(fd, "<title>libtiny's own</title></rect>\n");
    } else if (block->state == BLOCK_FREE) {
        page_square(fd, number, row, dirty ? "#888" : "none", 50);
        text_print(fd, "<title>free%s</title></rect>\n", dirty ? ", dirty" : "");
    } else {
        page_square(fd, number, row, "#c0c", 70);
        text_print(fd, "<title>a run</title></rect>\n");
    }
    // END STEP 4
}

static void
page_superblocks(int fd)
{
    size_t row = 0;

    for (const struct superblock *sb = superblock_first(); sb != NULL; sb = sb->next) {
        row++;
    }
    text_print(fd, "<svg width='%d' height='%zu'>\n", SUPERBLOCK_BLOCKS * SQUARE, row * SQUARE);
    row = 0;
    for (const struct superblock *sb = superblock_first(); sb != NULL && row < ROWS_MAX; row++) {
        for (size_t i = 0; i < SUPERBLOCK_BLOCKS; i++) {
            page_block(fd, sb, i, row);
        }
        sb = sb->next;
    }
    text_print(fd, "</svg>\n");
}

void
tiny_page(int fd)
{
    struct tiny_stats stats;

    tiny_stats(&stats);
    text_print(fd, "%s", page_head);
    text_print(fd, "<p>%zu objects, %zu KiB, in %zu KiB of blocks; %zu KiB free and dirty.</p>\n",
               stats.objects, stats.object_bytes / 1024, stats.block_bytes / 1024,
               stats.dirty_bytes / 1024);
    heap_hold();
    page_superblocks(fd);
    for (const struct large *large = large_first(); large != NULL; large = large->next) {
        text_print(fd, "<p>A large object of %zu KiB.</p>\n", large->object_bytes / 1024);
    }
    heap_let_go();
}

void
page_save(void)
{
    char name[32];

    snprintf(name, sizeof name, "tiny-%d.html", (int)getpid());
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) {
        text_print(2, "libtiny: %s cannot be made\n", name);
        return;
    }
    tiny_page(fd);
    close(fd);
}
