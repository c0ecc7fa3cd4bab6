// SPDX-License-Identifier: MIT
//
// From the model to lines, and what keys do; see top_ui.h.

#include "apexctl/top_ui.h"

#include "apexctl/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// The key that sorts by each column; capitals, as in top(1).
static const char sort_keys[TOP_COLUMN_COUNT] = {
    [TOP_PID] = 'P',      [TOP_NAME] = 'N',    [TOP_ALLOCATED] = 'A', [TOP_RSS] = 'M',
    [TOP_DIRTY] = 'D',    [TOP_THREADS] = 'T', [TOP_SLOW] = 'S',      [TOP_ACTIVE] = 'C',
    [TOP_RETAINED] = 'R', [TOP_REMOTE] = 'O',  [TOP_PURGES] = 'U',
};

static const double intervals[] = {0.2, 0.5, 1, 2, 5, 10, 30, 60};

static const char *const help[] = {
    "up down, page up, page down, home, end   select a process",
    "Enter       its heap: classes, threads, counters",
    "A C M D R   sort by what is allocated, active, in core (rss), dirty, retained",
    "T S O U     by threads; by slow allocations, remote frees, purges a second",
    "N P         by name, by pid",
    "left right  sort by the column to the left, to the right",
    "r           the other way round",
    "f or /      show only what has this text in its name or pid; Enter ends it",
    "Escape      show all again; back to the list",
    "p or space  pause, go on",
    "+ -         ask less often, more often",
    "h or ?      this page",
    "q           quit; back to the list",
    "",
    "SLOW/S    allocations a second that left the fast path",
    "REMOTE/S  chunks a second that were freed for other threads",
    "PURGES/S  times a second that memory was given back to the kernel",
    "",
    "allocated: live objects. active: blocks that hold them. dirty: free, not given back",
    "yet. retained: free addresses with no memory behind them. RSS: the whole process.",
};

void
top_ui_init(struct top_ui *ui)
{
    *ui = (struct top_ui){.interval_s = 2};
    top_model_init(&ui->model);
}

void
top_ui_free(struct top_ui *ui)
{
    free(ui->detail);
    ui->detail = NULL;
    top_model_clear(&ui->model);
}

// --- What is known -------------------------------------------------------------------------------

static void
top_ui_select(struct top_ui *ui, size_t at)
{
    ui->selected = at < ui->model.shown ? at : ui->model.shown > 0 ? ui->model.shown - 1 : 0;
    snprintf(ui->selected_key, sizeof ui->selected_key, "%s",
             ui->model.shown > 0 ? ui->model.row[ui->selected].key : "");
}

// After rows have come, gone or moved. A process that was chosen stays it; nobody has chosen the
// first one by looking at it.
static void
top_ui_follow(struct top_ui *ui)
{
    bool chosen = ui->selected > 0 || ui->view == TOP_VIEW_DETAIL;

    top_ui_select(ui, chosen ? top_model_find(&ui->model, ui->selected_key, ui->selected) : 0);
}

bool
top_ui_update(struct top_ui *ui, const cJSON *result)
{
    if (!top_model_update(&ui->model, result)) {
        return false;
    }
    ui->message[0] = '\0';
    top_ui_follow(ui);
    return true;
}

void
top_ui_set_detail(struct top_ui *ui, char *text)
{
    free(ui->detail);
    ui->detail = text;
}

void
top_ui_lost(struct top_ui *ui, const char *message)
{
    snprintf(ui->message, sizeof ui->message, "%s", message);
    top_model_clear(&ui->model);
    top_ui_set_detail(ui, NULL);
    top_ui_follow(ui);
}

// --- Keys ----------------------------------------------------------------------------------------

static void
top_ui_sort(struct top_ui *ui, enum top_column column)
{
    if (column != ui->model.sort) {
        ui->reversed = false;
    }
    top_model_sort(&ui->model, column, ui->reversed);
    top_ui_follow(ui);
}

static void
top_ui_interval(struct top_ui *ui, bool longer)
{
    double next = ui->interval_s;

    for (size_t i = 0; i < COUNT(intervals); i++) {
        size_t at = longer ? i : COUNT(intervals) - 1 - i;
        if (longer ? intervals[at] > ui->interval_s : intervals[at] < ui->interval_s) {
            next = intervals[at];
            break;
        }
    }
    ui->interval_s = next;
}

// A key while the filter is being written.
static enum top_action
top_ui_edit(struct top_ui *ui, int key)
{
    char text[TOP_FILTER_BYTES];
    size_t length = strlen(ui->model.filter);

    memcpy(text, ui->model.filter, sizeof text);
    if (key == SCREEN_ENTER || key == SCREEN_ESCAPE) {
        ui->editing = false;
        text[key == SCREEN_ESCAPE ? 0 : length] = '\0';
    } else if (key == SCREEN_BACKSPACE && length > 0) {
        text[length - 1] = '\0';
    } else if (key >= ' ' && key < 127 && length + 1 < sizeof text) {
        text[length] = (char)key;
        text[length + 1] = '\0';
    }
    top_model_filter(&ui->model, text);
    top_ui_follow(ui);
    return TOP_NOTHING;
}

// Moves a place in a list; false when the key is none that moves.
static bool
top_ui_move(size_t *at, int key, unsigned page)
{
    switch (key) {
    case SCREEN_UP:
    case 'k':
        *at -= *at > 0;
        return true;
    case SCREEN_DOWN:
    case 'j':
        (*at)++;
        return true;
    case SCREEN_PAGE_UP:
        *at -= *at < page ? *at : page;
        return true;
    case SCREEN_PAGE_DOWN:
        *at += page;
        return true;
    case SCREEN_HOME:
    case 'g':
        *at = 0;
        return true;
    case SCREEN_END:
    case 'G':
        *at = SIZE_MAX / 2; // the end is found when it is drawn, or selected
        return true;
    default:
        return false;
    }
}

static bool
top_ui_sort_key(struct top_ui *ui, int key)
{
    unsigned column = ui->model.sort;

    if (key == SCREEN_LEFT || key == '<' || key == SCREEN_RIGHT || key == '>') {
        bool left = key == SCREEN_LEFT || key == '<';
        column = (column + (left ? TOP_COLUMN_COUNT - 1 : 1)) % TOP_COLUMN_COUNT;
        top_ui_sort(ui, (enum top_column)column);
        return true;
    }
    for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
        if (sort_keys[i] == key) {
            top_ui_sort(ui, (enum top_column)i);
            return true;
        }
    }
    return false;
}

static enum top_action
top_ui_open_detail(struct top_ui *ui)
{
    if (ui->model.shown == 0) {
        return TOP_NOTHING;
    }
    top_ui_select(ui, ui->selected);
    ui->detail_pid = (uint64_t)ui->model.row[ui->selected].value[TOP_PID];
    ui->view = TOP_VIEW_DETAIL;
    ui->scroll = 0;
    top_ui_set_detail(ui, NULL);
    return TOP_REFRESH;
}

// Keys of the list alone.
static enum top_action
top_ui_list_key(struct top_ui *ui, int key)
{
    switch (key) {
    case 'q':
        return TOP_QUIT;
    case 'r':
        ui->reversed = !ui->reversed;
        top_ui_sort(ui, ui->model.sort);
        return TOP_NOTHING;
    case 'f':
    case '/':
        ui->editing = true;
        return TOP_NOTHING;
    case SCREEN_ESCAPE:
        top_model_filter(&ui->model, "");
        top_ui_follow(ui);
        return TOP_NOTHING;
    case SCREEN_ENTER:
        return top_ui_open_detail(ui);
    default:
        top_ui_sort_key(ui, key);
        return TOP_NOTHING;
    }
}

enum top_action
top_ui_key(struct top_ui *ui, int key, unsigned rows)
{
    unsigned page = rows > 8 ? rows - 7 : 1;

    if (ui->editing) {
        return top_ui_edit(ui, key);
    }
    switch (key) {
    case 'p':
    case ' ':
        ui->paused = !ui->paused;
        return ui->paused ? TOP_NOTHING : TOP_REFRESH;
    case '+':
    case '-':
        top_ui_interval(ui, key == '+');
        return TOP_NOTHING;
    case 'h':
    case '?':
        ui->view = ui->view == TOP_VIEW_HELP ? TOP_VIEW_LIST : TOP_VIEW_HELP;
        ui->scroll = 0;
        return TOP_NOTHING;
    default:
        break;
    }
    if (ui->view != TOP_VIEW_LIST) {
        if (key == 'q' || key == SCREEN_ESCAPE || key == SCREEN_LEFT) {
            ui->view = TOP_VIEW_LIST;
        } else {
            top_ui_move(&ui->scroll, key, page);
        }
        return TOP_NOTHING;
    }
    size_t at = ui->selected;
    if (top_ui_move(&at, key, page)) {
        top_ui_select(ui, at);
        return TOP_NOTHING;
    }
    return top_ui_list_key(ui, key);
}

// --- Lines ---------------------------------------------------------------------------------------

// The lines of a screen while they are made.
struct top_lines {
    struct screen_line *line;
    unsigned count;
    unsigned rows;
    unsigned columns;
};

// Cuts a text to the width of the screen, by characters of UTF-8, and takes the control characters
// out of it: it may come from a stranger.
static void
top_ui_fit(char *text, unsigned columns)
{
    unsigned width = 0;

    for (char *c = text; *c != '\0'; c++) {
        if (((unsigned char)*c & 0xc0) != 0x80 && width++ == columns) {
            *c = '\0';
            return;
        }
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
}

static __attribute__((format(printf, 3, 4))) void
top_ui_line(struct top_lines *l, enum screen_style style, const char *format, ...)
{
    va_list arguments;

    if (l->count == l->rows) {
        return;
    }
    struct screen_line *line = &l->line[l->count++];
    line->style = style;
    va_start(arguments, format);
    vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
    top_ui_fit(line->text, l->columns);
}

const char *
top_ui_cell(const struct top_row *row, enum top_column column, char out[TOP_CELL_BYTES])
{
    char bytes[TABLE_CELL_BYTES];
    double value = row->value[column];

    switch (top_columns[column].kind) {
    case TOP_KIND_TEXT:
        snprintf(out, TOP_CELL_BYTES, "%s", row->comm);
        break;
    case TOP_KIND_BYTES:
        snprintf(out, TOP_CELL_BYTES, "%s", table_format_bytes((uint64_t)value, bytes));
        break;
    case TOP_KIND_RATE:
        if (value < 0) {
            snprintf(out, TOP_CELL_BYTES, "-");
        } else {
            snprintf(out, TOP_CELL_BYTES, value < 99.95 ? "%.1f" : "%.0f", value);
        }
        break;
    case TOP_KIND_NUMBER:
        snprintf(out, TOP_CELL_BYTES, "%.0f", value);
        break;
    }
    return out;
}

static unsigned
top_ui_width(enum top_column column)
{
    switch (top_columns[column].kind) {
    case TOP_KIND_TEXT:
        return 16;
    case TOP_KIND_BYTES:
        return 10;
    default:
        return 8;
    }
}

// Which columns have room: from the left, but what is sorted by always, else one could not see why.
static void
top_ui_columns(const struct top_ui *ui, unsigned columns, bool shown[TOP_COLUMN_COUNT])
{
    unsigned used = top_ui_width(ui->model.sort);

    for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
        unsigned width = i == ui->model.sort ? 0 : 1 + top_ui_width((enum top_column)i);
        shown[i] = used + width <= columns || i == ui->model.sort;
        used += shown[i] ? width : columns; // none behind one that has no room
    }
}

// A line of cells. Characters, not bytes, are what a column is wide.
static void
top_ui_cells(char *out, const bool shown[TOP_COLUMN_COUNT], const struct top_row *row)
{
    char cell[TOP_CELL_BYTES];
    size_t at = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < TOP_COLUMN_COUNT; i++) {
        if (!shown[i]) {
            continue;
        }
        bool left = top_columns[i].title[0] == '<';
        const char *text = row == NULL ? top_columns[i].title + (left ? 1 : 0)
                                       : top_ui_cell(row, (enum top_column)i, cell);
        int width = 0;
        for (const char *c = text; *c != '\0'; c++) {
            width += ((unsigned char)*c & 0xc0) != 0x80;
        }
        int padding = (int)top_ui_width((enum top_column)i) - width;
        padding = padding > 0 ? padding : 0;
        at += (size_t)snprintf(out + at, SCREEN_LINE_BYTES - at, "%s%*s%s%*s", at == 0 ? "" : " ",
                               left ? 0 : padding, "", text, left ? padding : 0, "");
    }
}

static void
top_ui_head(const struct top_ui *ui, const char *clock, struct top_lines *l)
{
    static const enum top_column sums[] = {TOP_ALLOCATED, TOP_ACTIVE, TOP_RSS, TOP_DIRTY,
                                           TOP_RETAINED};
    const struct top_model *m = &ui->model;
    char text[SCREEN_LINE_BYTES];
    char bytes[TABLE_CELL_BYTES];
    size_t at = 0;

    top_ui_line(l, SCREEN_BOLD, "apexctl top %s  %zu %s, %.0f threads  every %g s  by %s%s%s%s",
                clock, m->count, m->count == 1 ? "process" : "processes", m->sum[TOP_THREADS],
                ui->interval_s, top_columns[m->sort].word, ui->reversed ? " reversed" : "",
                ui->paused ? "  paused" : "", m->hidden > 0 ? "  (others' not shown)" : "");
    for (size_t i = 0; i < COUNT(sums); i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s %s", i == 0 ? "" : "  ",
                               top_columns[sums[i]].word,
                               table_format_bytes((uint64_t)m->sum[sums[i]], bytes));
    }
    top_ui_line(l, SCREEN_PLAIN, "%s", text);
    if (ui->message[0] != '\0') {
        top_ui_line(l, SCREEN_WARNING, "%s", ui->message);
    } else if (ui->editing) {
        top_ui_line(l, SCREEN_BOLD, "show only: %s_", m->filter);
    } else if (m->filter[0] != '\0') {
        top_ui_line(l, SCREEN_BOLD, "only: %s  (%zu of %zu)", m->filter, m->shown, m->count);
    } else {
        top_ui_line(l, SCREEN_PLAIN, "%s", "");
    }
}

static void
top_ui_rows(struct top_ui *ui, unsigned columns, unsigned room, struct top_lines *l)
{
    bool shown[TOP_COLUMN_COUNT];
    char text[SCREEN_LINE_BYTES];
    const struct top_model *m = &ui->model;

    if (ui->selected < ui->first) {
        ui->first = ui->selected;
    } else if (room > 0 && ui->selected >= ui->first + room) {
        ui->first = ui->selected - room + 1;
    }
    if (ui->first + room > m->shown) { // no empty lines while there are rows above
        ui->first = m->shown > room ? m->shown - room : 0;
    }
    top_ui_columns(ui, columns, shown);
    top_ui_cells(text, shown, NULL);
    top_ui_line(l, SCREEN_HEADER, "%s", text);
    for (unsigned i = 0; i < room; i++) {
        size_t at = ui->first + i;
        if (at >= m->shown) {
            top_ui_line(l, SCREEN_PLAIN, "%s", "");
            continue;
        }
        top_ui_cells(text, shown, &m->row[at]);
        top_ui_line(l, at == ui->selected ? SCREEN_SELECTED : SCREEN_PLAIN, "%s", text);
    }
}

static size_t
top_ui_count_lines(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

// A text of many lines from line `scroll` on. What follows an empty line is the head of a table.
static void
top_ui_text(struct top_ui *ui, const char *text, unsigned room, struct top_lines *l)
{
    size_t lines = top_ui_count_lines(text);
    bool head = false;

    if (ui->scroll + room > lines) {
        ui->scroll = lines > room ? lines - room : 0;
    }
    for (size_t i = 0; *text != '\0' && i < ui->scroll + room; i++) {
        size_t length = strcspn(text, "\n");
        if (i >= ui->scroll) {
            top_ui_line(l, head ? SCREEN_HEADER : SCREEN_PLAIN, "%.*s", (int)length, text);
        }
        head = length == 0;
        text += length + (text[length] == '\n');
    }
}

static void
top_ui_help(struct top_ui *ui, unsigned room, struct top_lines *l)
{
    if (ui->scroll + room > COUNT(help)) {
        ui->scroll = COUNT(help) > room ? COUNT(help) - room : 0;
    }
    for (size_t i = ui->scroll; i < COUNT(help) && i < ui->scroll + room; i++) {
        top_ui_line(l, SCREEN_PLAIN, "%s", help[i]);
    }
}

void
top_ui_draw(struct top_ui *ui, const char *clock, unsigned columns, unsigned rows,
            struct screen_line *line)
{
    static const char *const foot[] = {
        [TOP_VIEW_LIST] =
            "q quit  Enter details  f filter  < > sort  r reverse  p pause  + - pace  h help",
        [TOP_VIEW_DETAIL] = "q back  up down scroll  p pause  + - interval  h help",
        [TOP_VIEW_HELP] = "q back",
    };
    struct top_lines l = {.line = line, .rows = rows, .columns = columns};
    unsigned room = rows > 5 ? rows - 5 : rows > 2 ? rows - 2 : 1;

    if (rows > 5) { // else the rows are worth more
        top_ui_head(ui, clock, &l);
    }
    if (ui->view == TOP_VIEW_HELP) {
        top_ui_help(ui, room + 1, &l);
    } else if (ui->view == TOP_VIEW_DETAIL) {
        top_ui_text(ui, ui->detail == NULL ? "" : ui->detail, room + 1, &l);
    } else {
        top_ui_rows(ui, columns, room, &l);
    }
    while (l.count + 1 < rows) {
        top_ui_line(&l, SCREEN_PLAIN, "%s", "");
    }
    top_ui_line(&l, SCREEN_DIM, "%s", foot[ui->view]);
}
