// SPDX-License-Identifier: MIT
//
// The heap as text: one character for every 16 bytes, 64 characters in a row.
//
// Prints without stdio, which allocates.

#include "piece.h"
#include "region.h"
#include "tiny.h"

#include <stdio.h>
#include <unistd.h>

enum { ROW_CELLS = 64, ROWS_MAX = 8 };

static const char picture_cell[] = {
    [PIECE_NONE] = ' ', [PIECE_LIVE] = '#', [PIECE_FREED] = '.', [PIECE_GAP] = '-'};

// Writes all of `text`, as far as the reader takes it.
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

// The headers are '='. Returns how many cells it has filled.
static size_t
picture_cells(char *cells, size_t most)
{
    const char *start = region_start();
    size_t count = 0;

    while (start != NULL && count < most) {
        const struct piece *piece = (const void *)(start + count * ALIGN_BYTES);
        if (count * ALIGN_BYTES >= region_used_bytes() || piece->kind == PIECE_NONE) {
            break;
        }
        size_t end = count + piece->bytes / ALIGN_BYTES;
        cells[count++] = piece->kind == PIECE_GAP ? '-' : '=';
        while (count < end && count < most) {
            cells[count++] = picture_cell[piece->kind];
        }
    }
    return count;
}

void
tiny_picture(int fd)
{
    char cells[ROWS_MAX * ROW_CELLS];
    char line[128];
    size_t count = picture_cells(cells, sizeof cells);
    size_t used = region_used_bytes();

    for (size_t at = 0; at < count; at += ROW_CELLS) {
        size_t width = count - at < ROW_CELLS ? count - at : ROW_CELLS;
        int bytes =
            snprintf(line, sizeof line, "%6zu |%.*s|\n", at * ALIGN_BYTES, (int)width, cells + at);
        picture_write(fd, line, (size_t)bytes);
    }
    int bytes =
        snprintf(line, sizeof line, "%zu bytes taken of %zu GiB\n", used, REGION_BYTES >> 30);
    picture_write(fd, line, (size_t)bytes);
}
