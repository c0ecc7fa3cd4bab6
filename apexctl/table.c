// SPDX-License-Identifier: MIT
//
// Columns and numbers; see table.h.

#include "apexctl/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PARAGRAPH_WIDTH 78
#define TABLE_CUT_WIDTH 10 // text is not made narrower than that

void
table_init(struct table *t, const char *const *titles, unsigned columns)
{
    memset(t, 0, sizeof *t);
    t->columns = columns;
    for (unsigned i = 0; i < columns; i++) {
        t->left[i] = titles[i][0] == '<';
        t->title[i] = titles[i] + (t->left[i] ? 1 : 0);
    }
}

void
table_text(struct table *t, const char *text)
{
    if (t->cells == t->capacity) {
        t->capacity = t->capacity == 0 ? 64 : t->capacity * 2;
        t->cell = realloc(t->cell, t->capacity * sizeof t->cell[0]);
        if (t->cell == NULL) {
            fputs("apexctl: short of memory\n", stderr);
            exit(1);
        }
    }
    char *cell = t->cell[t->cells++];
    snprintf(cell, TABLE_CELL_BYTES, "%s", text);
    for (char *c = cell; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
}

void
table_number(struct table *t, uint64_t value)
{
    char text[TABLE_CELL_BYTES];

    snprintf(text, sizeof text, "%" PRIu64, value);
    table_text(t, text);
}

const char *
table_format_bytes(uint64_t bytes, char out[TABLE_CELL_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;

    // 1023.5 would be shown as 1024.
    while (value >= 1023.5 && unit < 6) {
        value /= 1024;
        unit++;
    }
    snprintf(out, TABLE_CELL_BYTES, unit > 0 && value < 99.95 ? "%.1f %s" : "%.0f %s", value,
             units[unit]);
    return out;
}

void
table_bytes(struct table *t, uint64_t bytes)
{
    char text[TABLE_CELL_BYTES];
    table_text(t, table_format_bytes(bytes, text));
}

// Characters, not bytes: continuation bytes of UTF-8 take no room of their own.
static int
table_width(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

// The style of all tables: it is of the terminal, which there is one of.
static struct style table_style;

void
table_set_style(struct style style)
{
    table_style = style;
}

// How many bytes of a text take so many columns at most.
static int
table_bytes_in(const char *text, int columns)
{
    int bytes = 0;

    for (; text[bytes] != '\0'; bytes++) {
        if (((unsigned char)text[bytes] & 0xc0) != 0x80 && columns-- == 0) {
            break;
        }
    }
    return bytes;
}

// A cell, cut to the width of its column. No blanks at the end of a line.
static void
table_print_cell(FILE *out, const char *text, int width, bool left, bool last)
{
    int padding = width - table_width(text);

    if (padding < 0) {
        fprintf(out, "%.*s~", table_bytes_in(text, width - 1), text);
    } else if (left) {
        fprintf(out, "%s%*s", text, last ? 0 : padding, "");
    } else {
        fprintf(out, "%*s%s", padding, "", text);
    }
}

static void
table_print_row(const struct table *t, unsigned columns, const int *width, const char *const *row,
                FILE *out)
{
    for (unsigned i = 0; i < columns; i++) {
        bool last = i + 1 == columns;
        table_print_cell(out, row[i], width[i], t->left[i], last);
        fputs(last ? "" : "  ", out);
    }
}

// The widths that the cells want.
static void
table_measure(const struct table *t, int *width)
{
    for (unsigned i = 0; i < t->columns; i++) {
        width[i] = table_width(t->title[i]);
        for (size_t c = i; c < t->cells; c += t->columns) {
            int wanted = table_width(t->cell[c]);
            width[i] = wanted > width[i] ? wanted : width[i];
        }
    }
}

// Makes text narrower, the widest first, and leaves columns out from the right. Returns how many
// are left, at least one.
static unsigned
table_fit(const struct table *t, int *width)
{
    int room = (int)table_style.columns;
    int total = -2;

    for (unsigned i = 0; i < t->columns; i++) {
        total += width[i] + 2;
    }
    while (room > 0 && total > room) {
        unsigned widest = t->columns;
        for (unsigned i = 0; i < t->columns; i++) {
            if (t->left[i] && width[i] > TABLE_CUT_WIDTH &&
                (widest == t->columns || width[i] > width[widest])) {
                widest = i;
            }
        }
        if (widest == t->columns) {
            break;
        }
        width[widest]--;
        total--;
    }
    unsigned columns = t->columns;
    while (room > 0 && total > room && columns > 1) {
        total -= width[--columns] + 2;
    }
    return columns;
}

void
table_print(struct table *t, FILE *out)
{
    int width[TABLE_COLUMNS_MAX];
    const char *row[TABLE_COLUMNS_MAX];

    table_measure(t, width);
    unsigned columns = table_fit(t, width);
    fputs(table_style.attributes ? "\033[1;4m" : "", out);
    table_print_row(t, columns, width, t->title, out);
    fputs(table_style.attributes ? "\033[0m\n" : "\n", out);
    for (size_t first = 0; first + t->columns <= t->cells; first += t->columns) {
        for (unsigned i = 0; i < columns; i++) {
            row[i] = t->cell[first + i];
        }
        table_print_row(t, columns, width, row, out);
        fputc('\n', out);
    }
    if (columns < t->columns) {
        fprintf(out, "(no room for %u more)\n", t->columns - columns);
    }
    free(t->cell);
    t->cell = NULL;
    t->cells = 0;
    t->capacity = 0;
}

void
table_paragraph(FILE *out, unsigned indent, const char *text)
{
    size_t column = 0;

    if (*text == '\0') {
        return;
    }
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column != 0 && column + 1 + word > PARAGRAPH_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        if (word != 0) {
            fprintf(out, "%*s", column == 0 ? (int)indent : 1, "");
            column += (column == 0 ? indent : 1) + word;
        }
        for (; word > 0; word--, text++) {
            fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
        }
        text += *text == ' ' ? 1 : 0;
    }
    fputc('\n', out);
}
