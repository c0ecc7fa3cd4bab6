// SPDX-License-Identifier: MIT
//
// Heaps in few numbers; see totals.h.

#include "apexd/totals.h"

uint64_t
totals_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

struct totals_heap
totals_heap_of(const struct page_map *map, const struct page_snapshot *s)
{
    struct totals_heap h = {
        .allocated = totals_add(s->small_bytes, page_map_value(map, s, "large")),
        .active = page_map_value(map, s, "active"),
        .dirty = page_map_value(map, s, "dirty"),
        .retained = page_map_value(map, s, "retained"),
        .mapped = page_map_value(map, s, "mapped"),
        .metadata = page_map_value(map, s, "metadata"),
    };

    h.resident_max = totals_add(totals_add(h.active, h.dirty), h.metadata);
    return h;
}

void
totals_heap_add(struct totals_heap *sum, const struct totals_heap *h)
{
    sum->allocated = totals_add(sum->allocated, h->allocated);
    sum->active = totals_add(sum->active, h->active);
    sum->resident_max = totals_add(sum->resident_max, h->resident_max);
    sum->dirty = totals_add(sum->dirty, h->dirty);
    sum->retained = totals_add(sum->retained, h->retained);
    sum->mapped = totals_add(sum->mapped, h->mapped);
    sum->metadata = totals_add(sum->metadata, h->metadata);
}
