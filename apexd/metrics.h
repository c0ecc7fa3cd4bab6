// SPDX-License-Identifier: MIT
//
// Samples to text, as Prometheus reads it: OpenMetrics 1.0, or the older text format 0.0.4. No I/O
// and no clock, so a test holds the text against a golden file. docs/monitoring.md lists the names.
//
// Each figure of a heap has one row for each group of processes, or for each process; the sum over
// all rows is that of the host.

#ifndef APEXD_METRICS_H
#define APEXD_METRICS_H

#include "apexd/ledger.h"
#include "apexd/policy.h"
#include "apexd/totals.h"
#include "libapex/abi/hello.h"

#include <stddef.h>
#include <stdint.h>

#define METRICS_PROCESSES_MAX 256 // rows for single processes; the rest is in that of the others
#define METRICS_ROWS_MAX (METRICS_PROCESSES_MAX + LEDGER_GROUPS_MAX + 1)

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

enum metrics_labels {
    METRICS_OF_HOST,    // none: the one row is the host
    METRICS_OF_OTHERS,  // what has no row of its own: comm="other"
    METRICS_OF_GROUP,   // comm, uid and unit
    METRICS_OF_PROCESS, // and pid
};

struct metrics_row {
    enum metrics_labels labels;
    struct ledger_key key;
    uint64_t pid;
    uint64_t processes;
    uint64_t started; // processes ever
    uint64_t threads;
    struct totals_heap heap;
    uint64_t value[LEDGER_FIELDS_MAX]; // by field of the ledger
    ledger_nodes node;                 // by node of the ledger
};

struct metrics_samples {
    const char *version;                        // of the daemon
    uint64_t started_ms;                        // the daemon's start, since the epoch
    uint64_t took_ns;                           // to gather what is below
    uint64_t processes;                         // registered
    uint64_t capacity;                          // how many may be
    uint64_t pressed;                           // how many are advised to keep less
    uint64_t sweeps;                            // as in struct roster
    uint64_t swept_bytes;
    uint64_t answered[APEX_HELLO_STATUS_COUNT]; // registrations, by what was answered
    uint64_t advice[POLICY_KIND_COUNT][POLICY_OUTCOME_COUNT];
    unsigned field_count;
    const struct ledger_field *field;
    unsigned node_count;
    const uint32_t *node; // as the kernel numbers them
    unsigned row_count;
    const struct metrics_row *row;
};

// Of the text, for HTTP.
const char *metrics_content_type(enum metrics_format format);

// The format to answer with, by an Accept header, which may be NULL: OpenMetrics for those who
// ask for it and do not like the other better.
enum metrics_format metrics_choose(const char *accept);

// The text, NUL-terminated, for the caller to free; NULL when memory is short.
char *metrics_render(const struct metrics_samples *samples, enum metrics_format format,
                     size_t *bytes);

#endif
