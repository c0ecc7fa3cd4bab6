// SPDX-License-Identifier: MIT
//
// Heaps in few numbers; see totals.h.

#include "apexd/totals.h"

#include "apexd/saturate.h"

struct totals_heap
totals_heap_of(const struct page_map *map, const struct page_snapshot *s)
{
    struct totals_heap h = {
        .allocated = saturate_add(s->small_bytes, page_map_value(map, s, "large")),
        .active = page_map_value(map, s, "active"),
        .dirty = page_map_value(map, s, "dirty"),
        .retained = page_map_value(map, s, "retained"),
        .mapped = page_map_value(map, s, "mapped"),
        .metadata = page_map_value(map, s, "metadata"),
    };

    h.resident_max = saturate_add(saturate_add(h.active, h.dirty), h.metadata);
    return h;
}

void
totals_heap_add(struct totals_heap *sum, const struct totals_heap *h)
{
    sum->allocated = saturate_add(sum->allocated, h->allocated);
    sum->active = saturate_add(sum->active, h->active);
    sum->resident_max = saturate_add(sum->resident_max, h->resident_max);
    sum->dirty = saturate_add(sum->dirty, h->dirty);
    sum->retained = saturate_add(sum->retained, h->retained);
    sum->mapped = saturate_add(sum->mapped, h->mapped);
    sum->metadata = saturate_add(sum->metadata, h->metadata);
}
