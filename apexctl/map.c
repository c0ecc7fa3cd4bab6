// SPDX-License-Identifier: MIT
//
// From the daemon's JSON to blocks; see map.h.

#include "apexctl/map.h"

#include "apexctl/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 8 // of a block

const char *
map_state_text(enum map_state state)
{
    static const char *const texts[MAP_STATE_COUNT] = {
        [MAP_NONE] = "unknown",       [MAP_HEADER] = "descriptors",
        [MAP_CLEAN] = "free, clean",  [MAP_DIRTY] = "free, dirty",
        [MAP_TAKEN] = "being taken",  [MAP_CURRENT] = "in use, current",
        [MAP_ROOM] = "in use, room",  [MAP_FULL] = "in use, full",
        [MAP_IDLE] = "idle, cached",  [MAP_TAIL] = "of a run",
    };
    return texts[state];
}

// The states of the daemon, by number, as ours.
static void
map_states(const cJSON *part, enum map_state state_of[256])
{
    static const char *const words[MAP_STATE_COUNT] = {"none",    "header", "clean", "dirty",
                                                       "taken",   "current", "room", "full",
                                                       "idle",    "tail"};
    const cJSON *states = cJSON_GetObjectItemCaseSensitive(part, "states");

    for (int i = 0; i < 256; i++) {
        const cJSON *item = cJSON_GetArrayItem(states, i);
        state_of[i] = item == NULL ? MAP_NONE : MAP_ROOM;
        for (unsigned s = 0; s < MAP_STATE_COUNT && cJSON_IsString(item); s++) {
            if (strcmp(item->valuestring, words[s]) == 0) {
                state_of[i] = (enum map_state)s;
            }
        }
    }
}

static void
map_take_classes(struct map *map, const cJSON *part)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(part, "class_bytes"))
    {
        if (map->class_count < MAP_CLASSES_MAX) {
            bool good = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9e15;
            map->class_bytes[map->class_count++] = good ? (uint64_t)item->valuedouble : 0;
        }
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(part, "owners"))
    {
        uint64_t slot = value_u64(item, "slot");
        if (slot < MAP_OWNER_ORPHAN) {
            map->owner_tid[slot] = value_u64(item, "tid");
            map->owner_live[slot] = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "live"));
        }
    }
}

static bool
map_take_large(struct map *map, const cJSON *part)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(part, "large");
    const cJSON *item;

    map->large = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof map->large[0]);
    if (map->large == NULL) {
        return false;
    }
    cJSON_ArrayForEach(item, array)
    {
        const char *state = value_text(item, "state");
        map->large[map->large_count++] = (struct map_large){
            .base = value_u64(item, "base"),
            .bytes = value_u64(item, "bytes"),
            .live = strcmp(state, "live") == 0,
            .pages = strcmp(state, "parked") != 0,
        };
    }
    return true;
}

struct map *
map_new(const cJSON *part)
{
    struct map *map = cJSON_IsObject(part) ? calloc(1, sizeof *map) : NULL;

    if (map == NULL) {
        return NULL;
    }
    snprintf(map->comm, sizeof map->comm, "%s", value_text(part, "comm"));
    map->pid = value_u64(part, "pid");
    map->block_bytes = value_u64(part, "block_bytes");
    map->superblocks_held = value_u64(part, "superblocks_held");
    map->large_held = value_u64(part, "large_held");
    map_take_classes(map, part);
    if (!map_take_large(map, part)) {
        map_free(map);
        return NULL;
    }
    return map;
}

static int
map_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// False when the text is none of blocks.
static bool
map_take_blocks(struct map_superblock *sb, const char *text, const enum map_state state_of[256])
{
    if (strlen(text) != (size_t)MAP_BLOCKS * DIGITS) {
        return false;
    }
    for (unsigned i = 0; i < MAP_BLOCKS; i++, text += DIGITS) {
        uint8_t bytes[4];
        for (unsigned b = 0; b < 4; b++) {
            int high = map_digit(text[2 * b]);
            int low = map_digit(text[2 * b + 1]);
            if (high < 0 || low < 0) {
                return false;
            }
            bytes[b] = (uint8_t)(high * 16 + low);
        }
        sb->block[i] = (struct map_block){.class = bytes[0],
                                          .state = (uint8_t)state_of[bytes[1]],
                                          .owner = bytes[2],
                                          .fill = bytes[3],
                                          .run = 1};
    }
    return true;
}

bool
map_add(struct map *map, const cJSON *part)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(part, "superblocks");
    size_t more = (size_t)cJSON_GetArraySize(array);
    enum map_state state_of[256];
    const cJSON *item;

    struct map_superblock *grown =
        realloc(map->superblock, (map->count + more + 1) * sizeof map->superblock[0]);
    if (grown == NULL) {
        return false;
    }
    map->superblock = grown;
    map_states(part, state_of);
    cJSON_ArrayForEach(item, array)
    {
        struct map_superblock *sb = &map->superblock[map->count];
        sb->base = value_u64(item, "base");
        sb->node = value_u64(item, "node");
        sb->huge = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "huge"));
        map->count += map_take_blocks(sb, value_text(item, "blocks"), state_of) ? 1 : 0;
    }
    return true;
}

static int
map_compare(const void *a, const void *b)
{
    uint64_t x = ((const struct map_superblock *)a)->base;
    uint64_t y = ((const struct map_superblock *)b)->base;
    return x < y ? -1 : x > y;
}

static int
map_compare_large(const void *a, const void *b)
{
    uint64_t x = ((const struct map_large *)a)->base;
    uint64_t y = ((const struct map_large *)b)->base;
    return x < y ? -1 : x > y;
}

static void
map_find_runs(struct map_superblock *sb)
{
    for (unsigned first = 0; first < MAP_BLOCKS;) {
        unsigned end = first + 1;
        while (end < MAP_BLOCKS && sb->block[end].state == MAP_TAIL) {
            end++;
        }
        for (unsigned i = first; i < end; i++) {
            sb->block[i] = sb->block[first];
            sb->block[i].run = (uint8_t)(end - first);
            sb->block[i].place = (uint8_t)(i - first);
        }
        first = end;
    }
}

void
map_finish(struct map *map)
{
    if (map->count != 0) {
        qsort(map->superblock, map->count, sizeof map->superblock[0], map_compare);
    }
    qsort(map->large, map->large_count, sizeof map->large[0], map_compare_large);
    for (size_t i = 0; i < map->count; i++) {
        map_find_runs(&map->superblock[i]);
    }
}

void
map_free(struct map *map)
{
    if (map != NULL) {
        free(map->superblock);
        free(map->large);
        free(map);
    }
}

bool
map_in_use(const struct map_block *block)
{
    return block->state == MAP_CURRENT || block->state == MAP_ROOM || block->state == MAP_FULL;
}

uint64_t
map_capacity(const struct map *map, const struct map_block *block)
{
    uint64_t size = block->class < map->class_count ? map->class_bytes[block->class] : 0;
    return size == 0 ? 0 : block->run * map->block_bytes / size;
}

uint64_t
map_live(const struct map *map, const struct map_block *block)
{
    return block->fill * map_capacity(map, block) / 255;
}

static void
map_sum_block(const struct map *map, const struct map_block *b, struct map_sums *sums)
{
    uint64_t bytes = b->run * map->block_bytes;

    sums->state_bytes[b->state] += bytes;
    if (map_in_use(b)) {
        uint64_t size = b->class < map->class_count ? map->class_bytes[b->class] : 0;
        sums->class_bytes[b->class] += bytes;
        sums->class_live_bytes[b->class] += map_live(map, b) * size;
    }
    if (map_in_use(b) || b->state == MAP_IDLE) {
        sums->owner_bytes[b->owner] += bytes;
    }
}

void
map_sum(const struct map *map, struct map_sums *sums)
{
    memset(sums, 0, sizeof *sums);
    for (size_t i = 0; i < map->count; i++) {
        for (unsigned b = 0; b < MAP_BLOCKS; b++) {
            if (map->superblock[i].block[b].place == 0) {
                map_sum_block(map, &map->superblock[i].block[b], sums);
            }
        }
    }
    for (size_t i = 0; i < map->large_count; i++) {
        if (map->large[i].live) {
            sums->large_live_bytes += map->large[i].bytes;
            sums->large_live++;
        } else if (map->large[i].pages) {
            sums->large_cached_bytes += map->large[i].bytes;
        }
    }
}
