// SPDX-License-Identifier: MIT
//
// A good stats page, and answers about pages; see page_seed.h.

#include "page_seed.h"

#include "target.h"

#include <string.h>

#define SLOT_BYTES ((uint32_t)(offsetof(struct apex_stats_thread, class) + 16 * 4 + 8))
#define SCHEMA_ROWS 6
#define NODE_BYTES 24u
#define NODES_AT 2048u
#define NEWS 99 // a type of section that this daemon does not know

static const struct apex_stats_schema rows[SCHEMA_ROWS] = {
    {APEX_SECTION_PROCESS, 0, APEX_STAT_GAUGE, 0, "mapped", "bytes"},
    {APEX_SECTION_PROCESS, 8, APEX_STAT_GAUGE, 0, "large", "bytes"},
    {APEX_SECTION_THREAD, SLOT_BYTES - 8, APEX_STAT_COUNTER, 0, "slow_allocs", "count"},
    {APEX_SECTION_PROCESS, 16, APEX_STAT_COUNTER, 0, "from_the_future", "ns"},
    {APEX_SECTION_NODE, 8, APEX_STAT_GAUGE, 0, "mapped", "bytes"},
    {APEX_SECTION_NODE, 16, APEX_STAT_COUNTER, 0, "sampled", "count"},
};

static const struct apex_stats_option options[2] = {
    {.key = "decay_ms", .unit = "ms", .live = 1, .max = UINT64_MAX, .value = 7},
    {.key = "thp", .unit = "never|always", .type = APEX_OPTION_CHOICE, .live = 1, .max = 1},
};

static const uint32_t nodes[3][NODE_BYTES / 4] = {
    {0, APEX_NODE_USED, 1u << 22}, {2, APEX_NODE_USED, 1u << 23}, {3}};

void
page_seed_fill(unsigned char *page, unsigned variant)
{
    struct apex_stats_header h;
    const struct apex_stats_section sections[9] = {
        {APEX_SECTION_PROCESS, 1, 24, 384},
        {APEX_SECTION_CLASS_SIZE, 4, 8, 408},
        {APEX_SECTION_THREAD, 4, SLOT_BYTES, 512},
        {APEX_SECTION_SCHEMA, SCHEMA_ROWS, sizeof rows[0], PAGE_SEED_BYTES - sizeof rows},
        {APEX_SECTION_OPTION, 2, sizeof(struct apex_stats_option), 1024},
        {APEX_SECTION_LARGE, 2, sizeof(struct apex_stats_large), 1280},
        {APEX_SECTION_SUPERBLOCK, 1, sizeof(struct apex_stats_superblock), 1536},
        {APEX_SECTION_NODE, 3, NODE_BYTES, NODES_AT},
        {NEWS, UINT32_MAX, UINT32_MAX, UINT32_MAX},
    };

    memset(page, variant == 1 ? 0xff : 3, PAGE_SEED_BYTES);
    memset(&h, 0, sizeof h);
    h.magic = APEX_STATS_MAGIC;
    h.major = APEX_STATS_MAJOR;
    h.minor = variant == 2 ? 7 : APEX_STATS_MINOR;
    h.header_bytes = sizeof h;
    h.total_bytes = PAGE_SEED_BYTES;
    h.byte_order = APEX_STATS_BYTE_ORDER;
    h.nonce = PAGE_SEED_NONCE;
    h.state = APEX_STATS_READY;
    h.sections = variant == 2 ? 9 : 8;
    memcpy(h.comm, "by-fuzz\xff", 8);
    memcpy(h.version, "9.9", 4);
    memcpy(h.section, sections, sizeof sections);
    memcpy(page, &h, sizeof h);
    memcpy(page + 1024, options, sizeof options);
    memcpy(page + NODES_AT, nodes, sizeof nodes);
    memcpy(page + PAGE_SEED_BYTES - sizeof rows, rows, sizeof rows);
}

void
page_seed_ask(struct methods *m, const char *line, bool must_be_result)
{
    struct message_request request;
    struct message_answer answer;
    const char *why = NULL;
    cJSON *result = NULL;
    size_t raw_bytes;
    enum message_error error = message_parse_request(line, strlen(line), &request, &why);

    if (error == MESSAGE_BAD_PARAMS && !must_be_result) {
        message_request_free(&request);
        return; // it wants more than the line has
    }
    TARGET_CHECK(error == MESSAGE_NONE);
    error = methods_call(m, 0, &request, &result, &why);
    TARGET_CHECK(error == MESSAGE_NONE || !must_be_result);
    char *reply = error == MESSAGE_NONE ? message_reply(request.id, result)
                                        : message_reply_error(request.id, error, why);
    message_request_free(&request);
    TARGET_CHECK(reply != NULL);
    size_t length = strlen(reply);
    TARGET_CHECK(length > 0 && strchr(reply, '\n') == reply + length - 1);
    reply[--length] = '\0';
    TARGET_CHECK(message_parse_answer(reply, length, 7, &answer));
    TARGET_CHECK(!must_be_result || message_raw_result(reply, length, &raw_bytes) != NULL);
    message_answer_free(&answer);
    free(reply);
}
