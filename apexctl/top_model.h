// SPDX-License-Identifier: MIT
//
// The table of `apexctl top`: answers of the method `processes` in, rows out, with rates, sorted
// and filtered. Pure: it knows neither a clock nor a terminal. One thread.
//
// A rate is the difference of a counter between two answers over the time between them by the
// daemon's own clock, so that neither our delays nor changes of the wall clock show in it. A
// process is known again by its key, which no other process ever gets.

#ifndef APEXCTL_TOP_MODEL_H
#define APEXCTL_TOP_MODEL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_KEY_BYTES 48
#define TOP_COMM_BYTES 64 // 16 characters of UTF-8
#define TOP_FILTER_BYTES 64

// COLUMN(name, word, title, kind, object, field): the word is what --sort takes; the value is
// `field` of `object` in the answer, "" for the process itself. The name and the pid come first.
#define TOP_COLUMNS(COLUMN)                                                            \
    COLUMN(PID, "pid", "PID", NUMBER, "", "pid")                                       \
    COLUMN(NAME, "name", "<COMMAND", TEXT, "", "comm")                                 \
    COLUMN(ALLOCATED, "allocated", "ALLOCATED", BYTES, "heap", "allocated_bytes")      \
    COLUMN(RSS, "rss", "RSS", BYTES, "", "rss_bytes")                                  \
    COLUMN(DIRTY, "dirty", "DIRTY", BYTES, "heap", "dirty_bytes")                      \
    COLUMN(THREADS, "threads", "THREADS", NUMBER, "", "threads")                       \
    COLUMN(SLOW, "slow", "SLOW/S", RATE, "thread_counters", "slow_allocs_total")       \
    COLUMN(ACTIVE, "active", "ACTIVE", BYTES, "heap", "active_bytes")                  \
    COLUMN(RETAINED, "retained", "RETAINED", BYTES, "heap", "retained_bytes")          \
    COLUMN(REMOTE, "remote", "REMOTE/S", RATE, "thread_counters", "remote_sent_total") \
    COLUMN(PURGES, "purges", "PURGES/S", RATE, "counters", "purge_calls_total")

enum top_column {
#define TOP_COLUMN_ENUM(name, word, title, kind, object, field) TOP_##name,
    TOP_COLUMNS(TOP_COLUMN_ENUM)
#undef TOP_COLUMN_ENUM
        TOP_COLUMN_COUNT
};

enum top_kind { TOP_KIND_NUMBER, TOP_KIND_TEXT, TOP_KIND_BYTES, TOP_KIND_RATE };

struct top_column_info {
    const char *word;
    const char *title; // as table_init takes it
    const char *object;
    const char *field;
    enum top_kind kind;
};

extern const struct top_column_info top_columns[TOP_COLUMN_COUNT];

struct top_row {
    char key[TOP_KEY_BYTES];
    char comm[TOP_COMM_BYTES];
    double value[TOP_COLUMN_COUNT]; // of a rate: a second; below 0 while it is not known
    double total[TOP_COLUMN_COUNT]; // of a rate: the counter; below 0 when there is none
};

struct top_model {
    struct top_row *row; // those that are shown come first, sorted
    size_t count;
    size_t shown;
    double sum[TOP_COLUMN_COUNT]; // over all rows, of what is known
    uint64_t hidden;              // of other users
    uint64_t monotonic_ns;        // of the last answer
    enum top_column sort;
    bool ascending;
    char filter[TOP_FILTER_BYTES];
};

// An empty table, sorted by what is allocated.
void top_model_init(struct top_model *model);

// Takes in an answer. False, and the table as it was, when memory is short or it is no such answer.
bool top_model_update(struct top_model *model, const cJSON *result);

// Forgets all rows and with them what rates are reckoned from: the daemon has gone.
void top_model_clear(struct top_model *model);

// Largest first, but names and pids the other way round; `reversed` turns that about.
void top_model_sort(struct top_model *model, enum top_column sort, bool reversed);

// Shows only rows with `text` in their name, in any case, or in their pid; "" shows all.
void top_model_filter(struct top_model *model, const char *text);

// The place of the process `key` among the rows that are shown, or `otherwise`, or the last place
// when that is beyond the end.
size_t top_model_find(const struct top_model *model, const char *key, size_t otherwise);

// The column that --sort calls `word`. False when there is none.
bool top_model_column(const char *word, enum top_column *column);

#endif
