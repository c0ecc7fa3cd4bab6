// SPDX-License-Identifier: MIT
//
// A line for each superblock, a character for each block; with colours and half blocks (▀) a line
// for two. See map_text.h.

#include "apexctl/map_text.h"

#include "apexctl/table.h"

#include <inttypes.h>
#include <string.h>

#define LABEL_WIDTH 14 // an address and a blank
#define CLASSES_SHOWN 16
#define RAMP 8

// Of the 256 colours of terminals. Classes and owners take theirs in turn.
static const uint8_t palette[] = {39,  208, 76,  170, 220, 45,  203, 141, 107, 214, 69,  197,
                                  150, 135, 180, 30,  226, 99,  215, 35,  211, 63,  142, 117};
static const uint8_t ramp[RAMP] = {196, 202, 208, 214, 220, 148, 112, 46}; // sparse is what costs

#define COLOUR_ORPHAN 231

static const struct {
    uint8_t colour;
    char ascii;
    const char *unicode;
} free_looks[MAP_STATE_COUNT] = {
    [MAP_NONE] = {16, ' ', " "},        [MAP_HEADER] = {250, '=', "="},
    [MAP_CLEAN] = {236, '.', "\u00b7"}, [MAP_DIRTY] = {94, '~', "\u2591"},
    [MAP_TAKEN] = {201, '?', "?"},      [MAP_IDLE] = {31, '-', "-"},
    [MAP_TAIL] = {16, ' ', " "},
};

static unsigned
text_ramp_place(const struct map_block *b)
{
    return b->fill * RAMP / 256u;
}

static uint8_t
text_colour(const struct map_block *b, enum map_by by)
{
    if (!map_in_use(b)) {
        return free_looks[b->state].colour;
    }
    switch (by) {
    case MAP_BY_CLASS:
        return palette[b->class % sizeof palette];
    case MAP_BY_OWNER:
        return b->owner == MAP_OWNER_ORPHAN ? COLOUR_ORPHAN : palette[b->owner % sizeof palette];
    default:
        return ramp[text_ramp_place(b)];
    }
}

static char
text_letter(unsigned n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return letters[n % (sizeof letters - 1)];
}

static char
text_digit(unsigned owner)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    return owner == MAP_OWNER_ORPHAN ? '!' : digits[owner % (sizeof digits - 1)];
}

// One block as a character.
static void
text_glyph(FILE *out, const struct map_block *b, const struct map_look *look)
{
    static const char *const bars[RAMP] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                           "\u2585", "\u2586", "\u2587", "\u2588"};

    if (!map_in_use(b)) {
        if (look->unicode) {
            fputs(free_looks[b->state].unicode, out);
        } else {
            fputc(free_looks[b->state].ascii, out);
        }
    } else if (look->by == MAP_BY_CLASS) {
        fputc(text_letter(b->class), out);
    } else if (look->by == MAP_BY_OWNER) {
        fputc(text_digit(b->owner), out);
    } else if (look->unicode) {
        fputs(bars[text_ramp_place(b)], out);
    } else {
        fputc(b->fill == 255 ? '#' : (char)('1' + text_ramp_place(b)), out);
    }
}

// So many blocks stand in a line: all of a superblock, or a half, a quarter, an eighth.
static unsigned
text_per_line(const struct map_look *look)
{
    unsigned per = MAP_BLOCKS;

    while (per > 8 && per + LABEL_WIDTH > look->width) {
        per /= 2;
    }
    return per;
}

static void
text_coloured(FILE *out, const struct map_block *b, const struct map_look *look)
{
    fprintf(out, "\033[38;5;16;48;5;%um", text_colour(b, look->by));
    text_glyph(out, b, look);
}

static void
text_line(FILE *out, const struct map_superblock *sb, unsigned first, unsigned per,
          const struct map_look *look)
{
    if (first == 0) {
        fprintf(out, "%0*" PRIx64 "  ", LABEL_WIDTH - 2, sb->base);
    } else {
        fprintf(out, "%*s", LABEL_WIDTH, "");
    }
    for (unsigned i = first; i < first + per; i++) {
        if (look->colour) {
            text_coloured(out, &sb->block[i], look);
        } else {
            text_glyph(out, &sb->block[i], look);
        }
    }
    fputs(look->colour ? "\033[0m\n" : "\n", out);
}

// Two superblocks in a line; `lower` may be NULL.
static void
text_pair(FILE *out, const struct map_superblock *upper, const struct map_superblock *lower,
          const struct map_look *look)
{
    int fore = -1;
    int back = -1;

    fprintf(out, "%0*" PRIx64 "  ", LABEL_WIDTH - 2, upper->base);
    for (unsigned i = 0; i < MAP_BLOCKS; i++) {
        int f = text_colour(&upper->block[i], look->by);
        int b = lower == NULL ? 0 : text_colour(&lower->block[i], look->by);
        // Only what changes: a large heap is a long text.
        if (f != fore) {
            fprintf(out, "\033[38;5;%dm", f);
        }
        if (b != back) {
            fprintf(out, lower == NULL ? "\033[49m" : "\033[48;5;%dm", b);
        }
        fputs("\u2580", out);
        fore = f;
        back = b;
    }
    fputs("\033[0m\n", out);
}

static void
text_blocks(FILE *out, const struct map *map, const struct map_look *look)
{
    unsigned per = text_per_line(look);
    bool pairs = look->colour && look->unicode && per == MAP_BLOCKS;

    for (size_t i = 0; i < map->count; i += pairs ? 2 : 1) {
        const struct map_superblock *sb = &map->superblock[i];
        if (pairs) {
            text_pair(out, sb, i + 1 < map->count ? sb + 1 : NULL, look);
            continue;
        }
        for (unsigned first = 0; first < MAP_BLOCKS; first += per) {
            text_line(out, sb, first, per, look);
        }
    }
}

// --- Legend --------------------------------------------------------------------------------------

// The look of a block, in front of what it means.
static void
text_swatch(FILE *out, const struct map_block *b, const struct map_look *look)
{
    if (look->colour) {
        text_coloured(out, b, look);
        fputs("\033[0m ", out);
    } else {
        text_glyph(out, b, look);
        fputc(' ', out);
    }
}

static void
text_states(FILE *out, const struct map_sums *sums, const struct map_look *look)
{
    static const enum map_state shown[] = {MAP_CLEAN, MAP_DIRTY, MAP_IDLE, MAP_TAKEN, MAP_HEADER,
                                           MAP_NONE};
    char bytes[TABLE_CELL_BYTES];

    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        struct map_block b = {.state = (uint8_t)shown[i]};
        if (sums->state_bytes[shown[i]] != 0) {
            text_swatch(out, &b, look);
            fprintf(out, "%-15s %9s\n", map_state_text(shown[i]),
                    table_format_bytes(sums->state_bytes[shown[i]], bytes));
        }
    }
}

static void
text_fills(FILE *out, const struct map_look *look)
{
    for (unsigned i = 0; i < RAMP; i++) {
        struct map_block b = {.state = MAP_ROOM, .fill = (uint8_t)(i * 32 + 16)};
        text_swatch(out, &b, look);
        fprintf(out, "up to %u %% of the chunks are live\n", (i + 1) * 100 / RAMP);
    }
    if (!look->unicode) {
        struct map_block b = {.state = MAP_FULL, .fill = 255};
        text_swatch(out, &b, look);
        fputs("all are\n", out);
    }
}

// The classes with most memory.
static void
text_classes(FILE *out, const struct map *map, const struct map_sums *sums,
             const struct map_look *look)
{
    bool shown[MAP_CLASSES_MAX] = {false};
    char size[TABLE_CELL_BYTES];
    char bytes[TABLE_CELL_BYTES];

    for (unsigned n = 0; n < CLASSES_SHOWN; n++) {
        unsigned best = MAP_CLASSES_MAX;
        for (unsigned c = 0; c < map->class_count; c++) {
            if (!shown[c] && sums->class_bytes[c] != 0 &&
                (best == MAP_CLASSES_MAX || sums->class_bytes[c] > sums->class_bytes[best])) {
                best = c;
            }
        }
        if (best == MAP_CLASSES_MAX) {
            break;
        }
        shown[best] = true;
        struct map_block b = {.state = MAP_ROOM, .class = (uint8_t)best};
        text_swatch(out, &b, look);
        fprintf(out, "objects of %-9s %9s, %3.0f %% live\n",
                table_format_bytes(map->class_bytes[best], size),
                table_format_bytes(sums->class_bytes[best], bytes),
                100.0 * (double)sums->class_live_bytes[best] / (double)sums->class_bytes[best]);
    }
}

static void
text_owners(FILE *out, const struct map *map, const struct map_sums *sums,
            const struct map_look *look)
{
    char bytes[TABLE_CELL_BYTES];

    for (unsigned owner = 0; owner < MAP_OWNER_NONE; owner++) {
        struct map_block b = {.state = MAP_ROOM, .owner = (uint8_t)owner};
        if (sums->owner_bytes[owner] == 0) {
            continue;
        }
        text_swatch(out, &b, look);
        table_format_bytes(sums->owner_bytes[owner], bytes);
        if (owner == MAP_OWNER_ORPHAN) {
            fprintf(out, "threads that have exited %9s\n", bytes);
        } else {
            fprintf(out, "thread %-10" PRIu64 "%s %9s\n", map->owner_tid[owner],
                    map->owner_live[owner] ? "       " : " exited", bytes);
        }
    }
}

static void
text_large(FILE *out, const struct map *map, const struct map_sums *sums)
{
    char live[TABLE_CELL_BYTES];
    char cached[TABLE_CELL_BYTES];

    if (map->superblocks_held > map->count) {
        fprintf(out, "\nBeyond the page of the process, and not drawn: %" PRIu64 " more\n",
                map->superblocks_held - map->count);
    }
    if (map->large_held == 0 && map->large_count == 0) {
        return;
    }
    fprintf(out, "\n%" PRIu64 " large objects, %s%s; cached %s\n", map->large_held,
            table_format_bytes(sums->large_live_bytes, live),
            map->large_held > sums->large_live ? " and more" : "",
            table_format_bytes(sums->large_cached_bytes, cached));
}

void
map_text(FILE *out, const struct map *map, const struct map_look *look)
{
    struct map_sums sums;
    char bytes[TABLE_CELL_BYTES];

    for (const char *c = map->comm; *c != '\0'; c++) {
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
    }
    fprintf(out, " (pid %" PRIu64 "), %zu superblock%s, %s; a character is a block of %s\n\n",
            map->pid, map->count, map->count == 1 ? "" : "s",
            table_format_bytes(map->count * MAP_BLOCKS * map->block_bytes, bytes), "64 KiB");
    text_blocks(out, map, look);
    fputc('\n', out);
    map_sum(map, &sums);
    text_states(out, &sums, look);
    if (look->by == MAP_BY_FILL) {
        text_fills(out, look);
    } else if (look->by == MAP_BY_CLASS) {
        text_classes(out, map, &sums, look);
    } else {
        text_owners(out, map, &sums, look);
    }
    text_large(out, map, &sums);
}
