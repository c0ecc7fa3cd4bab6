// SPDX-License-Identifier: MIT
//
// Totals of the whole process, summed from the pool and from every heap. Any thread may ask; it
// takes the pool's lock for a moment and reads other threads' counters with relaxed loads, so the
// figures carry the error bound that abi/stats_page.h states.

#ifndef APEX_VIEW_STATS_H
#define APEX_VIEW_STATS_H

#include "abi/stats_page.h"

#include <stddef.h>
#include <stdint.h>

struct stats_totals {
    struct apex_stats_process process;  // gauges and counters of the pool
    struct apex_stats_thread threads;  // sum over all threads, live and exited
    uint64_t class_size_bytes[APEX_STATS_CLASSES];  // 0 = class not used
    uint64_t allocated_bytes;  // live chunks and large objects, settled
    uint64_t cached_bytes;  // active - allocated
    uint64_t threads_live;
};

// Fills `totals`. Never fails, never allocates.
void stats_sum(struct stats_totals *totals);

#endif
