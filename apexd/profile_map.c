// SPDX-License-Identifier: MIT
//
// Reads profile pages of strangers; see profile_map.h.

#include "apexd/profile_map.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool
profile_map_fits(const struct profile_map *map, uint32_t count, uint32_t stride, uint32_t offset,
                 size_t stride_min)
{
    uint64_t end = (uint64_t)offset + (uint64_t)count * stride;

    return count >= 1 && stride >= stride_min && stride % 8 == 0 && offset % 8 == 0 &&
           offset >= sizeof(struct apex_profile_header) && end <= map->bytes;
}

enum apex_hello_status
profile_map_parse(struct profile_map *map, uint64_t nonce)
{
    struct apex_profile_header h;

    if (map->bytes < sizeof h) {
        return APEX_HELLO_BAD_SIZE;
    }
    page_map_copy(&h, map->base, sizeof h);
    if (h.magic != APEX_PROFILE_MAGIC || h.nonce != nonce) {
        return APEX_HELLO_BAD_PAGE;
    }
    if (h.major != APEX_PROFILE_MAJOR || h.byte_order != APEX_PROFILE_BYTE_ORDER) {
        return APEX_HELLO_BAD_VERSION;
    }
    if (h.total_bytes != map->bytes) {
        return APEX_HELLO_BAD_SIZE;
    }
    if (h.header_bytes < sizeof h ||
        !profile_map_fits(map, h.stack_count, h.stack_stride_bytes, h.stack_offset_bytes,
                          sizeof(struct apex_profile_stack)) ||
        !profile_map_fits(map, h.live_count, h.live_stride_bytes, h.live_offset_bytes,
                          sizeof(struct apex_profile_live))) {
        return APEX_HELLO_BAD_PAGE;
    }
    map->stack_count = h.stack_count;
    map->stack_stride_bytes = h.stack_stride_bytes;
    map->stack_offset_bytes = h.stack_offset_bytes;
    map->live_count = h.live_count;
    map->live_stride_bytes = h.live_stride_bytes;
    map->live_offset_bytes = h.live_offset_bytes;
    return APEX_HELLO_ACCEPTED;
}

enum apex_hello_status
profile_map_open(struct profile_map *map, int fd, uint64_t nonce)
{
    memset(map, 0, sizeof *map);
    enum apex_hello_status status = page_map_file(fd, &map->base, &map->bytes, &map->fd);
    if (status != APEX_HELLO_ACCEPTED) {
        return status;
    }
    status = profile_map_parse(map, nonce);
    if (status != APEX_HELLO_ACCEPTED) {
        profile_map_close(map);
    }
    return status;
}

void
profile_map_kept(struct profile_map *map)
{
    if (map->base != NULL && map->fd >= 0) {
        close(map->fd);
        map->fd = -1;
    }
}

void
profile_map_header(const struct profile_map *map, struct apex_profile_header *out)
{
    page_map_copy(out, map->base, sizeof *out);
}

bool
profile_map_stack(const struct profile_map *map, uint32_t index, struct apex_profile_stack *out)
{
    const unsigned char *at =
        map->base + map->stack_offset_bytes + (size_t)index * map->stack_stride_bytes;
    const unsigned char *depth = at + offsetof(struct apex_profile_stack, depth);

    // Pairs with the release in sampler_fill_stack (libapex/policy/sampler.c).
    uint32_t known = __atomic_load_n((const uint32_t *)(const void *)depth, __ATOMIC_ACQUIRE);
    page_map_copy(out, at, sizeof *out);
    out->depth = known < APEX_PROFILE_DEPTH_MAX ? known : APEX_PROFILE_DEPTH_MAX;
    return out->hash != 0 && (known != 0 || index == 0) && out->allocs.samples != 0;
}

bool
profile_map_live(const struct profile_map *map, uint32_t index, struct apex_profile_live *out)
{
    const unsigned char *at =
        map->base + map->live_offset_bytes + (size_t)index * map->live_stride_bytes;
    const uint64_t *address = (const uint64_t *)(const void *)at;

    // Pairs with the release in sampler_fill_live.
    uint64_t before = __atomic_load_n(address, __ATOMIC_ACQUIRE);
    page_map_copy(out, at, sizeof *out);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return before > APEX_PROFILE_BUSY && before == __atomic_load_n(address, __ATOMIC_RELAXED) &&
           out->stack < map->stack_count;
}

void
profile_map_close(struct profile_map *map)
{
    if (map->base != NULL) {
        profile_map_kept(map);
        munmap((void *)(uintptr_t)map->base, map->bytes);
    }
    memset(map, 0, sizeof *map);
}
