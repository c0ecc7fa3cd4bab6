// SPDX-License-Identifier: MIT
//
// Unit test of apexd/profile_map.c: good pages, each kind of wrong one, and noise.
// Reason: whoever can register writes these bytes, while we read them.

#include "apexd/profile_map.h"

#include "../support/unit.h"

#define NONCE 7u
#define STACKS 8
#define LIVE 16

struct small_page {
    struct apex_profile_header header;
    struct apex_profile_stack stack[STACKS];
    struct apex_profile_live live[LIVE];
};

static struct small_page page;

static void
fill(void)
{
    page = (struct small_page){
        .header = {.magic = APEX_PROFILE_MAGIC,
                   .major = APEX_PROFILE_MAJOR,
                   .header_bytes = sizeof page.header,
                   .total_bytes = sizeof page,
                   .byte_order = APEX_PROFILE_BYTE_ORDER,
                   .nonce = NONCE,
                   .stack_count = STACKS,
                   .stack_stride_bytes = sizeof page.stack[0],
                   .stack_offset_bytes = offsetof(struct small_page, stack),
                   .live_count = LIVE,
                   .live_stride_bytes = sizeof page.live[0],
                   .live_offset_bytes = offsetof(struct small_page, live),
                   .samples = 3},
    };
    page.stack[0].hash = 1;
    page.stack[3] = (struct apex_profile_stack){
        .hash = 99, .depth = 2, .allocs = {3, 768, 3000}, .frees = {1, 256, 1000}, .pc = {10, 20}};
    page.live[5] = (struct apex_profile_live){4096, 1000, 256, 1, 3, 16};
}

static enum apex_hello_status
parse(struct profile_map *map)
{
    *map = (struct profile_map){.base = (const unsigned char *)&page, .bytes = sizeof page};
    return profile_map_parse(map, NONCE);
}

static void
test_good(void **state)
{
    struct profile_map map;
    struct apex_profile_header header;
    struct apex_profile_stack stack;
    struct apex_profile_live live;
    unsigned stacks = 0;
    unsigned lives = 0;

    (void)state;
    fill();
    assert_int_equal(parse(&map), APEX_HELLO_ACCEPTED);
    profile_map_header(&map, &header);
    assert_int_equal(header.samples, 3);
    for (uint32_t i = 0; i < map.stack_count; i++) {
        stacks += profile_map_stack(&map, i, &stack);
    }
    for (uint32_t i = 0; i < map.live_count; i++) {
        lives += profile_map_live(&map, i, &live);
    }
    assert_int_equal(stacks, 1); // without samples stack 0 is none
    assert_int_equal(lives, 1);
    assert_true(profile_map_stack(&map, 3, &stack));
    assert_int_equal(stack.depth, 2);
    assert_int_equal(stack.pc[1], 20);
    assert_int_equal(stack.frees.bytes, 1000);
    assert_true(profile_map_live(&map, 5, &live));
    assert_int_equal(live.stack, 3);
}

static void
test_lies_in_entries(void **state)
{
    struct profile_map map;
    struct apex_profile_stack stack;
    struct apex_profile_live live;

    (void)state;
    fill();
    page.stack[3].depth = 4000000000u;
    page.live[5].stack = STACKS;
    page.live[6] = (struct apex_profile_live){APEX_PROFILE_BUSY, 1, 1, 1, 3, 0};
    assert_int_equal(parse(&map), APEX_HELLO_ACCEPTED);
    assert_true(profile_map_stack(&map, 3, &stack));
    assert_int_equal(stack.depth, APEX_PROFILE_DEPTH_MAX);
    assert_false(profile_map_live(&map, 5, &live));
    assert_false(profile_map_live(&map, 6, &live));
}

// Each change alone makes a page that is refused.
#define REFUSED(change, status)                   \
    do {                                          \
        fill();                                   \
        change;                                   \
        assert_int_equal(parse(&map), (status));  \
    } while (0)

static void
test_refused(void **state)
{
    struct profile_map map;

    (void)state;
    REFUSED(page.header.magic ^= 1, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.nonce = NONCE + 1, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.major++, APEX_HELLO_BAD_VERSION);
    REFUSED(page.header.byte_order = 0x04030201, APEX_HELLO_BAD_VERSION);
    REFUSED(page.header.total_bytes--, APEX_HELLO_BAD_SIZE);
    REFUSED(page.header.header_bytes = 8, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.stack_count++, APEX_HELLO_ACCEPTED); // runs into live, inside the page
    REFUSED(page.header.stack_count = 0, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.stack_count = UINT32_MAX, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.stack_stride_bytes -= 8, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.stack_stride_bytes += 4, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.stack_offset_bytes += 4, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.stack_offset_bytes = 0, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.stack_offset_bytes = UINT32_MAX & ~7u, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.live_count++, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.live_stride_bytes = 0, APEX_HELLO_BAD_PAGE);
    REFUSED(page.header.live_offset_bytes += 8, APEX_HELLO_BAD_PAGE);
}

// Noise over the header and the entries: whatever is accepted is read to its end.
static void
test_noise(void **state)
{
    struct profile_map map;
    struct apex_profile_stack stack;
    struct apex_profile_live live;
    uint64_t x = 1;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        fill();
        for (unsigned i = 0; i < 3; i++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            size_t span = x >> 63 == 0 ? sizeof page.header : sizeof page;
            ((unsigned char *)&page)[(x >> 20) % span] = (unsigned char)(x >> 12);
        }
        if (parse(&map) != APEX_HELLO_ACCEPTED) {
            continue;
        }
        for (uint32_t i = 0; i < map.stack_count; i++) {
            assert_true(!profile_map_stack(&map, i, &stack) ||
                        stack.depth <= APEX_PROFILE_DEPTH_MAX);
        }
        for (uint32_t i = 0; i < map.live_count; i++) {
            assert_true(!profile_map_live(&map, i, &live) || live.stack < map.stack_count);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_lies_in_entries),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
