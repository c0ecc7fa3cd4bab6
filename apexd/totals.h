// SPDX-License-Identifier: MIT
//
// The heap of one process or of many, in few numbers, from what pages say. The words are those of
// jemalloc, which dashboards speak already. Pages may lie: sums saturate. One thread.

#ifndef APEXD_TOTALS_H
#define APEXD_TOTALS_H

#include "apexd/page_map.h"

#include <stdint.h>

struct totals_heap {       // all in bytes
    uint64_t allocated;    // live chunks and large objects
    uint64_t active;       // blocks and large objects in use
    uint64_t resident_max; // what may be in core: pages of a block in use may be untouched
    uint64_t dirty;        // free, perhaps still in core
    uint64_t retained;     // free, given back
    uint64_t mapped;
    uint64_t metadata;
};

struct totals_heap totals_heap_of(const struct page_map *map, const struct page_snapshot *s);

void totals_heap_add(struct totals_heap *sum, const struct totals_heap *h);

#endif
