// SPDX-License-Identifier: MIT
//
// Answers `map`; see method_map.h. What a page says goes into the reply as it is, as numbers and
// hexadecimal digits; sense is made of it by those who draw.

#include "apexd/method_map.h"

#include "apexd/reply.h"

#include <stdbool.h>

#define BLOCK_DIGITS (2u * (unsigned)sizeof(struct apex_stats_block))
#define ROW_DIGITS (BLOCK_DIGITS * APEX_STATS_SUPERBLOCK_BLOCKS)

// Which rows a reply tells of.
struct map_part {
    uint64_t from;
    uint64_t count;
    uint64_t next; // where the next reply would begin; 0: there is nothing more
};

static const char *const block_states[APEX_BLOCK_STATE_COUNT] = {
    [APEX_BLOCK_NONE] = "none",       [APEX_BLOCK_HEADER] = "header",
    [APEX_BLOCK_CLEAN] = "clean",     [APEX_BLOCK_DIRTY] = "dirty",
    [APEX_BLOCK_TAKEN] = "taken",     [APEX_BLOCK_CURRENT] = "current",
    [APEX_BLOCK_AVAILABLE] = "room",  [APEX_BLOCK_FULL] = "full",
    [APEX_BLOCK_IDLE] = "idle",       [APEX_BLOCK_TAIL] = "tail",
};

static bool
map_part_read(struct map_part *part, const struct message_request *request, const char **why)
{
    *part = (struct map_part){.from = 0, .count = METHOD_MAP_ROWS_MAX};
    (void)message_param_u64(request, "from", &part->from);
    (void)message_param_u64(request, "count", &part->count);
    if (part->count == 0 || part->count > METHOD_MAP_ROWS_MAX) {
        *why = "count is a number from 1 to 4096";
        return false;
    }
    return true;
}

static void
map_digits(const struct apex_stats_block *block, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t bytes[] = {block->class, block->state, block->owner, block->fill};

    for (unsigned i = 0; i < sizeof bytes; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static bool
map_put_superblock(cJSON *array, uint32_t row, const struct apex_stats_superblock *sb)
{
    char text[ROW_DIGITS + 1];
    cJSON *item = reply_array_object(array);

    for (unsigned i = 0; i < APEX_STATS_SUPERBLOCK_BLOCKS; i++) {
        map_digits(&sb->block[i], &text[i * BLOCK_DIGITS]);
    }
    text[ROW_DIGITS] = '\0';
    return item != NULL && message_add_u64(item, "row", row) &&
           message_add_u64(item, "base", sb->base) && message_add_u64(item, "node", sb->node) &&
           cJSON_AddBoolToObject(item, "huge", (sb->flags & APEX_SUPERBLOCK_HUGE) != 0) != NULL &&
           cJSON_AddStringToObject(item, "blocks", text) != NULL;
}

static bool
map_put_superblocks(cJSON *result, const struct page_map *map, struct map_part *part)
{
    cJSON *array = result == NULL ? NULL : cJSON_AddArrayToObject(result, "superblocks");
    struct apex_stats_superblock sb;
    uint64_t put = 0;
    bool good = array != NULL;

    for (uint64_t row = part->from; row < map->superblock.count && good; row++) {
        if (!page_map_superblock(map, (uint32_t)row, &sb)) {
            continue;
        }
        if (put == part->count) {
            part->next = row;
            break;
        }
        good = map_put_superblock(array, (uint32_t)row, &sb);
        put++;
    }
    return good;
}

static bool
map_put_large(cJSON *result, const struct page_map *map)
{
    static const char *const states[] = {"none", "live", "cached", "parked"};
    cJSON *array = cJSON_AddArrayToObject(result, "large");
    struct apex_stats_large large;
    bool good = array != NULL;

    for (uint32_t row = 0; row < map->large.count && good; row++) {
        if (page_map_large(map, row, &large)) {
            cJSON *item = reply_array_object(array);
            const char *state = states[large.state <= APEX_LARGE_PARKED ? large.state : 0];
            good = item != NULL && message_add_u64(item, "base", large.base) &&
                   message_add_u64(item, "bytes", large.bytes) &&
                   cJSON_AddStringToObject(item, "state", state) != NULL;
        }
    }
    return good;
}

// Sizes by class, up to the last one that there is.
static bool
map_put_classes(cJSON *result, const struct page_snapshot *s)
{
    cJSON *array = cJSON_AddArrayToObject(result, "class_bytes");
    unsigned count = s->class_count;
    bool good = array != NULL;

    while (count > 0 && s->class[count - 1].size_bytes == 0) {
        count--;
    }
    for (unsigned i = 0; i < count && good; i++) {
        good = reply_array_u64(array, s->class[i].size_bytes);
    }
    return good;
}

static bool
map_put_threads(cJSON *result, const struct page_map *map)
{
    cJSON *array = cJSON_AddArrayToObject(result, "owners");
    struct page_thread thread;
    unsigned slots = page_map_slots(map);
    bool good = array != NULL;

    for (unsigned i = 0; i < slots && good; i++) {
        page_map_thread(map, i, &thread);
        if (thread.state != APEX_SLOT_FREE) {
            cJSON *item = reply_array_object(array);
            good = item != NULL && message_add_u64(item, "slot", i) &&
                   message_add_u64(item, "tid", thread.tid) &&
                   cJSON_AddBoolToObject(item, "live", thread.state == APEX_SLOT_LIVE) != NULL;
        }
    }
    return good;
}

static bool
map_put_states(cJSON *result)
{
    cJSON *array = cJSON_AddArrayToObject(result, "states");
    bool good = array != NULL;

    for (unsigned i = 0; i < APEX_BLOCK_STATE_COUNT && good; i++) {
        cJSON *text = cJSON_CreateString(block_states[i]);
        good = text != NULL && cJSON_AddItemToArray(array, text);
    }
    return good;
}

static bool
map_put(cJSON *result, const struct client *client, const struct page_snapshot *s,
        struct map_part *part)
{
    const struct page_map *map = &client->map;

    return result != NULL && client_put_identity(result, client) &&
           message_add_u64(result, "block_bytes", APEX_STATS_BLOCK_BYTES) &&
           map_put_states(result) && map_put_classes(result, s) && map_put_threads(result, map) &&
           message_add_u64(result, "superblocks_held", page_map_value(map, s, "superblocks")) &&
           message_add_u64(result, "large_held", page_map_value(map, s, "large_objects")) &&
           map_put_superblocks(result, map, part) &&
           (part->from != 0 || map_put_large(result, map)) &&
           (part->next == 0 || message_add_u64(result, "next", part->next));
}

enum message_error
method_map(const struct client *client, const struct page_snapshot *snapshot, const char *boot_id,
           const struct message_request *request, cJSON **result, const char **why)
{
    struct map_part part;

    if (!map_part_read(&part, request, why)) {
        return MESSAGE_BAD_PARAMS;
    }
    cJSON *object = reply_begin(boot_id, "apexd.map/1");
    if (!map_put(object, client, snapshot, &part)) {
        cJSON_Delete(object);
        object = NULL;
    }
    page_map_rest(&client->map); // the rows of a large heap are megabytes
    *result = object;
    return MESSAGE_NONE;
}
