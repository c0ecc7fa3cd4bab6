// SPDX-License-Identifier: MIT
//
// The advice page, version 1: how apexd reaches a process. One sealed memfd for each process,
// written by the daemon alone, mapped read-only by the process. Shared by libapex and apexd;
// fixed-width fields, little-endian, 8-byte aligned.
//
// It says that the daemon is alive, how long to believe it, which values options shall have, and
// whether to give memory back now. Minor versions append fields; `total_bytes` says what is there.
// Minor 0 ended with `rows`, which it left 0, and minor 1 with `row`.
//
// Rules for the daemon: `sequence` is odd while rows or weights change, and `epoch` grows with each
// change. The rows are the whole advice: an option that has none is the process's own business.
//
// Rules for the process: trust nothing, clamp everything, take nothing of what cannot be (more rows
// than there is room for, an epoch that went back, nodes that it may not use), and let go of all
// advice when a look finds that `heartbeat` has not changed for `ttl_ms` (judged by the process's
// own clock: the two may be in different time namespaces, so no time of the daemon is compared with
// one of the process).

#ifndef APEX_ABI_ADVICE_PAGE_H
#define APEX_ABI_ADVICE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#define APEX_ADVICE_MAGIC UINT64_C(0x0056444158455041) // "APEXADV\0"
#define APEX_ADVICE_MAJOR 1
#define APEX_ADVICE_MINOR 2
#define APEX_ADVICE_PAGE_BYTES 4096u
#define APEX_ADVICE_BEAT_MS 1000u
#define APEX_ADVICE_TTL_MS 3000u
#define APEX_ADVICE_TTL_MS_MIN 2000u // what a process clamps `ttl_ms` to
#define APEX_ADVICE_TTL_MS_MAX 5000u
#define APEX_ADVICE_KEY_MAX 24
#define APEX_ADVICE_ROWS_MAX 64
#define APEX_ADVICE_WEIGHTS_MAX 64

enum apex_advice_state {
    APEX_ADVICE_SERVING = 1,
    APEX_ADVICE_STOPPED = 2, // the daemon took its leave, or gave this page up: register again
};

struct apex_advice_row {
    char key[APEX_ADVICE_KEY_MAX]; // of an option (tables/options.def), NUL-terminated
    uint64_t value;                // the process takes the nearest one in the option's range
};

// The share of one NUMA node in large objects. Equal shares: pages are interleaved over the nodes
// named; unequal ones: each object lies on one of them, in turn, as often as its share says.
struct apex_advice_weight {
    uint16_t node;   // as the kernel numbers it
    uint16_t weight; // 0: none
};

struct apex_advice_page {
    uint64_t magic; // APEX_ADVICE_MAGIC
    uint16_t major;
    uint16_t minor;
    uint32_t total_bytes; // bytes of this structure that mean something
    uint64_t nonce;       // of the stats page this belongs to
    uint64_t daemon;      // random, one for each run of the daemon
    uint32_t sequence;    // odd while advice changes
    uint32_t state;       // enum apex_advice_state
    uint64_t heartbeat;   // grows by 1 every APEX_ADVICE_BEAT_MS
    uint64_t epoch;       // grows with each change of advice; 0: there has been none
    uint32_t ttl_ms;
    uint32_t rows;  // entries used in `row`
    // Minor 1.
    uint64_t purge; // grows with each request to give free memory back now
    uint64_t reserved[7];
    struct apex_advice_row row[APEX_ADVICE_ROWS_MAX];
    // Minor 2.
    uint64_t sample;  // grows with each request to look where a random few pages are
    uint64_t rehome;  // grows with each request to give back free memory that is not at home
    uint32_t weights; // entries used in `weight`; 0: no say. They change under `sequence`
    uint32_t reserved_weights;
    struct apex_advice_weight weight[APEX_ADVICE_WEIGHTS_MAX];
};

#define APEX_ADVICE_BYTES_MIN 64u // of minor 0
#define APEX_ADVICE_BYTES_1 2176u // of minor 1

_Static_assert(offsetof(struct apex_advice_page, purge) == APEX_ADVICE_BYTES_MIN, "minor 0");
_Static_assert(offsetof(struct apex_advice_page, row) == 128, "layout of the page");
_Static_assert(offsetof(struct apex_advice_page, sample) == APEX_ADVICE_BYTES_1, "minor 1");
_Static_assert(sizeof(struct apex_advice_page) <= APEX_ADVICE_PAGE_BYTES, "it fits the page");

#endif
