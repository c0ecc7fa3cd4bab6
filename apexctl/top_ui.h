// SPDX-License-Identifier: MIT
//
// What `apexctl top` shows and what its keys do. Pure: keys in, lines out; it never asks the daemon
// and never touches the terminal. One thread.

#ifndef APEXCTL_TOP_UI_H
#define APEXCTL_TOP_UI_H

#include "apexctl/screen.h"
#include "apexctl/top_model.h"

#define TOP_MESSAGE_BYTES 320
#define TOP_CELL_BYTES 64

enum top_view { TOP_VIEW_LIST, TOP_VIEW_DETAIL, TOP_VIEW_HELP };

// What the caller is to do after a key.
enum top_action {
    TOP_NOTHING,
    TOP_REFRESH, // ask the daemon at once
    TOP_QUIT,
};

struct top_ui {
    struct top_model model;
    enum top_view view;
    bool paused;
    bool reversed; // the order
    bool editing;  // the filter is being written
    double interval_s;
    size_t selected; // a row
    size_t first;    // the first row on the screen
    size_t scroll;   // the first line of a detail view
    char selected_key[TOP_KEY_BYTES];
    uint64_t detail_pid;
    char *detail; // lines about that process, or NULL; owned
    char message[TOP_MESSAGE_BYTES];
};

void top_ui_init(struct top_ui *ui);
void top_ui_free(struct top_ui *ui);

// A cell of the table as text: bytes in units, a rate that is not known as `-`.
const char *top_ui_cell(const struct top_row *row, enum top_column column,
                        char out[TOP_CELL_BYTES]);

// Takes in an answer of the method `processes`, keeps the same process selected. False as
// top_model_update.
bool top_ui_update(struct top_ui *ui, const cJSON *result);

// Shows `text` in the detail view, which it stays in; owned from now on, may be NULL.
void top_ui_set_detail(struct top_ui *ui, char *text);

// There is nobody to ask, and the message says why: rows would be of the past, so they go.
void top_ui_lost(struct top_ui *ui, const char *message);

// What a key does, on a screen of so many rows.
enum top_action top_ui_key(struct top_ui *ui, int key, unsigned rows);

// Exactly `rows` lines, none wider than `columns`. `clock` is the time of day, for the first line.
void top_ui_draw(struct top_ui *ui, const char *clock, unsigned columns, unsigned rows,
                 struct screen_line *line);

#endif
