// SPDX-License-Identifier: MIT
//
// The profile page of a stranger (libapex/abi/profile_page.h); the rules are those of page_map.h:
// nothing of the page decides where we read but what was checked when it was accepted. One thread.

#ifndef APEXD_PROFILE_MAP_H
#define APEXD_PROFILE_MAP_H

#include "apexd/page_map.h"
#include "libapex/abi/profile_page.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile_map {
    const unsigned char *base; // NULL when there is none
    size_t bytes;
    int fd;               // ours, read-only; -1 when it is not needed
    uint32_t stack_count; // these and the next are checked: all lies in the page
    uint32_t stack_stride_bytes;
    uint32_t stack_offset_bytes;
    uint32_t live_count;
    uint32_t live_stride_bytes;
    uint32_t live_offset_bytes;
};

// Accepts the memfd `fd` for a profile page with this nonce, or says why not. `fd` is closed in
// either case; `map` is open only if the result is APEX_HELLO_ACCEPTED.
enum apex_hello_status profile_map_open(struct profile_map *map, int fd, uint64_t nonce);

// As profile_map_open, for bytes that lie anywhere.
enum apex_hello_status profile_map_parse(struct profile_map *map, uint64_t nonce);

// The descriptor is not needed any more. Harmless when the map is not open.
void profile_map_kept(struct profile_map *map);

void profile_map_header(const struct profile_map *map, struct apex_profile_header *out);

// Stack `index`, below map->stack_count; `depth` is at most APEX_PROFILE_DEPTH_MAX. False when the
// place is empty.
bool profile_map_stack(const struct profile_map *map, uint32_t index,
                       struct apex_profile_stack *out);

// Live object `index`, below map->live_count; its `stack` is below map->stack_count. False when the
// place is empty, or the entry changes just now.
bool profile_map_live(const struct profile_map *map, uint32_t index, struct apex_profile_live *out);

// Harmless when it is not open.
void profile_map_close(struct profile_map *map);

#endif
