// SPDX-License-Identifier: MIT
//
// Sums for mallinfo and its like. Any thread; see stats.h for what the figures are worth.

#include "view/stats.h"

#include "policy/heaps.h"
#include "policy/pool.h"

void
stats_sum(struct stats_totals *totals)
{
    pool_stats(&totals->process);
    heaps_stats_sum(&totals->threads, &totals->threads_live);
    totals->allocated_bytes = totals->process.large;
    for (unsigned c = 0; c < APEX_STATS_CLASSES; c++) {
        const struct apex_stats_class *class = &totals->threads.class[c];
        uint64_t lost = class->live_lost;
        uint64_t live = class->live_gained > lost ? class->live_gained - lost : 0;
        uint64_t bytes = c < CLASS_COUNT ? size_classes[c].chunk_bytes : 0;
        totals->class_size_bytes[c] = bytes;
        totals->allocated_bytes += live * bytes;
    }
    uint64_t active = totals->process.active;
    totals->cached_bytes = active > totals->allocated_bytes ? active - totals->allocated_bytes : 0;
}
