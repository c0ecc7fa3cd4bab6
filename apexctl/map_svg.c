// SPDX-License-Identifier: MIT
//
// Rectangles and their legend; see map_svg.h. Blocks in a row that look the same are one rectangle:
// a heap of 1 GiB is some ten thousand of them, a large one would be too many for viewers.

#include "apexctl/map_svg.h"

#include "apexctl/table.h"

#include <inttypes.h>
#include <string.h>

#define BLOCK_PX 8
#define ROW_PX 10
#define LEFT_PX 110
#define TOP_PX 40
#define WIDTH_PX (LEFT_PX + MAP_BLOCKS * BLOCK_PX + 230)
#define LEGEND_PX (LEFT_PX + MAP_BLOCKS * BLOCK_PX + 20)
#define LEGEND_ROWS 24

// The same twelve hues twice, dark and light: classes and owners take theirs in turn.
static const char *const palette[] = {
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#bcbd22",
    "#17becf", "#5254a3", "#b5cf6b", "#e7969c", "#aec7e8", "#ffbb78", "#98df8a", "#ff9896",
    "#c5b0d5", "#c49c94", "#f7b6d2", "#dbdb8d", "#9edae5", "#6b6ecf", "#8ca252", "#ad494a"};
#define PALETTE_COUNT (sizeof palette / sizeof palette[0])

static const char *const ramp[] = {"#d7301f", "#ef6548", "#fc8d59", "#fdbb84",
                                   "#d9d98b", "#a6d96a", "#66bd63", "#1a9850"};
#define RAMP_COUNT (sizeof ramp / sizeof ramp[0])

static const char *const free_colours[MAP_STATE_COUNT] = {
    [MAP_NONE] = "#ffffff",  [MAP_HEADER] = "#777777", [MAP_CLEAN] = "#eeeeee",
    [MAP_DIRTY] = "#b08b5b", [MAP_TAKEN] = "#ff00ff",  [MAP_IDLE] = "#7fb6c8",
    [MAP_TAIL] = "#ffffff",
};

static const char *
svg_colour(const struct map_block *b, enum map_by by)
{
    if (!map_in_use(b)) {
        return free_colours[b->state];
    }
    switch (by) {
    case MAP_BY_CLASS:
        return palette[b->class % PALETTE_COUNT];
    case MAP_BY_OWNER:
        return b->owner == MAP_OWNER_ORPHAN ? "#000000" : palette[b->owner % PALETTE_COUNT];
    default:
        return ramp[b->fill * RAMP_COUNT / 256u];
    }
}

// A stranger's text.
static void
svg_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
        }
    }
}

static void
svg_row(FILE *out, const struct map_superblock *sb, size_t row, enum map_by by)
{
    size_t y = TOP_PX + row * ROW_PX;

    fprintf(out, "<text x=\"4\" y=\"%zu\">%012" PRIx64 "</text>\n", y + BLOCK_PX, sb->base);
    for (unsigned first = 0; first < MAP_BLOCKS;) {
        const char *colour = svg_colour(&sb->block[first], by);
        unsigned end = first + 1;
        while (end < MAP_BLOCKS && strcmp(svg_colour(&sb->block[end], by), colour) == 0) {
            end++;
        }
        fprintf(out, "<rect x=\"%u\" y=\"%zu\" width=\"%u\" height=\"%d\" fill=\"%s\"/>\n",
                LEFT_PX + first * BLOCK_PX, y, (end - first) * BLOCK_PX, BLOCK_PX, colour);
        first = end;
    }
}

static void
svg_legend_row(FILE *out, unsigned row, const char *colour, const char *text)
{
    unsigned y = TOP_PX + row * 16;

    fprintf(out,
            "<rect x=\"%d\" y=\"%u\" width=\"12\" height=\"12\" fill=\"%s\"/>"
            "<text x=\"%d\" y=\"%u\">%s</text>\n",
            LEGEND_PX, y, colour, LEGEND_PX + 18, y + 10, text);
}

static unsigned
svg_legend_used(FILE *out, unsigned row, const struct map *map, const struct map_sums *sums,
                enum map_by by)
{
    char bytes[TABLE_CELL_BYTES];
    char size[TABLE_CELL_BYTES];
    char text[2 * TABLE_CELL_BYTES + 32];

    for (unsigned i = 0; i < MAP_CLASSES_MAX && row < LEGEND_ROWS; i++) {
        struct map_block b = {.state = MAP_ROOM, .class = (uint8_t)i, .owner = (uint8_t)i};
        uint64_t amount = by == MAP_BY_CLASS ? sums->class_bytes[i] : sums->owner_bytes[i];
        if (amount == 0) {
            continue;
        }
        table_format_bytes(amount, bytes);
        if (by == MAP_BY_CLASS) {
            snprintf(text, sizeof text, "objects of %s: %s",
                     table_format_bytes(map->class_bytes[i], size), bytes);
        } else if (i == MAP_OWNER_ORPHAN) {
            snprintf(text, sizeof text, "exited threads: %s", bytes);
        } else {
            snprintf(text, sizeof text, "thread %" PRIu64 ": %s", map->owner_tid[i], bytes);
        }
        svg_legend_row(out, row++, svg_colour(&b, by), text);
    }
    return row;
}

static unsigned
svg_legend(FILE *out, const struct map *map, enum map_by by)
{
    struct map_sums sums;
    char bytes[TABLE_CELL_BYTES];
    char text[2 * TABLE_CELL_BYTES];
    unsigned row = 0;

    map_sum(map, &sums);
    for (unsigned s = MAP_HEADER; s < MAP_TAIL; s++) {
        struct map_block b = {.state = (uint8_t)s};
        if (!map_in_use(&b) && sums.state_bytes[s] != 0) {
            snprintf(text, sizeof text, "%s: %s", map_state_text((enum map_state)s),
                     table_format_bytes(sums.state_bytes[s], bytes));
            svg_legend_row(out, row++, free_colours[s], text);
        }
    }
    if (by != MAP_BY_FILL) {
        return svg_legend_used(out, row, map, &sums, by);
    }
    for (size_t i = 0; i < RAMP_COUNT; i++) {
        snprintf(text, sizeof text, "up to %zu %% live", (i + 1) * 100 / RAMP_COUNT);
        svg_legend_row(out, row++, ramp[i], text);
    }
    return row;
}

void
map_svg(FILE *out, const struct map *map, enum map_by by)
{
    size_t rows = map->count * ROW_PX;
    size_t height = TOP_PX + (rows < (LEGEND_ROWS + 1) * 16 ? (LEGEND_ROWS + 1) * 16 : rows) + 10;
    char bytes[TABLE_CELL_BYTES];

    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\" "
            "font-family=\"monospace\" font-size=\"10\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
            "<text x=\"4\" y=\"20\" font-size=\"14\">",
            WIDTH_PX, height);
    svg_text(out, map->comm);
    fprintf(out, " (pid %" PRIu64 "): %zu superblocks, %s</text>\n", map->pid, map->count,
            table_format_bytes(map->count * MAP_BLOCKS * map->block_bytes, bytes));
    for (size_t i = 0; i < map->count; i++) {
        svg_row(out, &map->superblock[i], i, by);
    }
    svg_legend(out, map, by);
    fputs("</svg>\n", out);
}
