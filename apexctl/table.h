// SPDX-License-Identifier: MIT
//
// Text in columns, and numbers for people. Pure: the same cells give the same text in the same
// style. One thread.

#ifndef APEXCTL_TABLE_H
#define APEXCTL_TABLE_H

#include "apexctl/style.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12
#define TABLE_CELL_BYTES 64

struct table {
    unsigned columns;
    const char *title[TABLE_COLUMNS_MAX];
    bool left[TABLE_COLUMNS_MAX]; // text; numbers stand right
    size_t cells;
    size_t capacity;
    char (*cell)[TABLE_CELL_BYTES];
};

// One title for each column, static text; the cells of one whose title begins with `<` stand left.
void table_init(struct table *t, const char *const *titles, unsigned columns);

// Fills the next cell, from left to right, from top to bottom. Control characters are replaced
// by `?`: the text may come from a stranger, and a terminal obeys.
void table_text(struct table *t, const char *text);
void table_number(struct table *t, uint64_t value);
void table_bytes(struct table *t, uint64_t bytes);

// The style of all tables from now on; at first it is plain, and of any width. With attributes,
// titles are bold and underlined. In a line that has room for so many columns, long text is cut,
// with a `~` at its end, but numbers never; then columns are left out from the right, which a line
// below the table says.
void table_set_style(struct style style);

// Prints titles and rows, two spaces between columns, and frees the cells.
void table_print(struct table *t, FILE *out);

// Prints a sentence of a stranger in lines of at most 78 columns, each indented by so many spaces.
// Nothing for an empty one. A word that is longer has a line of its own.
void table_paragraph(FILE *out, unsigned indent, const char *text);

// "512 B", "1.5 KiB", "38.7 MiB", "120 GiB": three digits that mean something. Never more than
// TABLE_CELL_BYTES.
const char *table_format_bytes(uint64_t bytes, char out[TABLE_CELL_BYTES]);

#endif
