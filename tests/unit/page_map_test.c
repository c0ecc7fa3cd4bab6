// SPDX-License-Identifier: MIT
//
// Unit test of apexd/page_map.c: whatever bytes a page holds, reading it stays inside it. Each
// word of a good page is replaced by extreme and by random values; the page ends at an unmapped
// one, so one byte too far is a crash. Reason: these bytes are a stranger's, and the reader may
// be root.

#include "apexd/page_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT_BYTES ((uint32_t)(offsetof(struct apex_stats_thread, class) + 16 * 4 + 8))
#define BYTES 4096u
#define SECTIONS 7
#define NODE_BYTES 24u // two values for each
#define SUPERBLOCKS 2048u // where they are in the page
#define LARGE (SUPERBLOCKS + 2u * (uint32_t)sizeof(struct apex_stats_superblock))
#define NODES (LARGE + 3u * (uint32_t)sizeof(struct apex_stats_large))
#define FIELDS 5

static uint64_t random_state;

// Knuth's generator of 64 bits; its upper half is good enough to choose by.
static uint64_t
random_next(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 32 | random_state << 32;
}

static unsigned char *page; // BYTES of it, and then nothing

static int
setup(void **state)
{
    size_t os_page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *base =
        mmap(NULL, 2 * os_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(base != MAP_FAILED);
    assert_int_equal(munmap(base + os_page, os_page), 0);
    page = base + os_page - BYTES;
    return 0;
}

static void
fill(void)
{
    struct apex_stats_header *h = (struct apex_stats_header *)(void *)page;
    static const struct apex_stats_section sections[SECTIONS] = {
        {APEX_SECTION_PROCESS, 1, 16, 384},
        {APEX_SECTION_CLASS_SIZE, 4, 8, 400},
        {APEX_SECTION_THREAD, 4, SLOT_BYTES, 512},
        // To the last byte of the page.
        {APEX_SECTION_SCHEMA, FIELDS, sizeof(struct apex_stats_schema),
         BYTES - FIELDS * sizeof(struct apex_stats_schema)},
        {APEX_SECTION_SUPERBLOCK, 2, sizeof(struct apex_stats_superblock), SUPERBLOCKS},
        {APEX_SECTION_LARGE, 3, sizeof(struct apex_stats_large), LARGE},
        {APEX_SECTION_NODE, 4, NODE_BYTES, NODES},
    };
    static const struct apex_stats_schema rows[FIELDS] = {
        {APEX_SECTION_PROCESS, 8, APEX_STAT_GAUGE, 0, "large", "bytes"},
        {APEX_SECTION_THREAD, SLOT_BYTES - 8, APEX_STAT_COUNTER, 0, "slow_allocs", "count"},
        {APEX_SECTION_NODE, 16, APEX_STAT_COUNTER, 0, "at_home", "count"},
        {APEX_SECTION_NODE, 8, APEX_STAT_GAUGE, 0, "mapped", "bytes"},
        // Of another kind than ours: another value.
        {APEX_SECTION_NODE, 8, APEX_STAT_COUNTER, 0, "active", "bytes"},
    };
    static const uint32_t nodes[4][2] = {
        {1, APEX_NODE_USED}, {5, 0}, {1, APEX_NODE_USED}, {1023, APEX_NODE_USED | APEX_NODE_CPUS}};

    memset(page, 0, BYTES);
    h->magic = APEX_STATS_MAGIC;
    h->major = APEX_STATS_MAJOR;
    h->header_bytes = sizeof *h;
    h->total_bytes = BYTES;
    h->byte_order = APEX_STATS_BYTE_ORDER;
    h->state = APEX_STATS_READY;
    h->sections = SECTIONS;
    memcpy(h->section, sections, sizeof sections);
    memcpy(page + BYTES - sizeof rows, rows, sizeof rows);
    struct apex_stats_superblock *superblock =
        (struct apex_stats_superblock *)(void *)(page + SUPERBLOCKS);
    superblock[1].base = 0x400000;
    superblock[1].block[63].class = 3;
    ((struct apex_stats_large *)(void *)(page + LARGE))[2] =
        (struct apex_stats_large){0x800000, 8192, APEX_LARGE_LIVE, 0};
    for (unsigned i = 0; i < 4; i++) {
        uint64_t values[2] = {4096 * (i + 1), i + 1};
        memcpy(page + NODES + i * NODE_BYTES, nodes[i], sizeof nodes[i]);
        memcpy(page + NODES + i * NODE_BYTES + 8, values, sizeof values);
    }
}

// Reads the page in every way there is; what it says does not matter.
static enum apex_hello_status
read_all(struct page_map *map)
{
    static struct page_map before;
    static struct page_snapshot snapshot;
    struct page_thread thread;
    struct apex_stats_superblock superblock = {.base = 0};
    struct apex_stats_large large;
    struct page_node node[PAGE_MAP_NODES_MAX];
    uint32_t number;

    memset(map, 0, sizeof *map);
    map->base = page;
    map->bytes = BYTES;
    map->fd = -1;
    page_map_forget(&before);
    enum apex_hello_status status = page_map_parse(map);
    before = *map;
    if (status != APEX_HELLO_ACCEPTED) {
        return status;
    }
    page_map_snapshot(map, &snapshot);
    for (unsigned i = 0; i < page_map_slots(map); i++) {
        page_map_thread(map, i, &thread);
        page_map_thread_node(map, i, &number);
    }
    for (uint32_t i = 0; i < map->superblock.count; i++) {
        page_map_superblock(map, i, &superblock);
        page_map_class_bytes(map, superblock.block[i % 64].class);
    }
    for (uint32_t i = 0; i < map->large.count; i++) {
        page_map_large(map, i, &large);
    }
    unsigned nodes = page_map_nodes(map, node);
    assert_true(nodes <= PAGE_MAP_NODES_MAX);
    for (unsigned i = 1; i < nodes; i++) {
        assert_true(node[i].node > node[i - 1].node);
    }
    assert_true(map->field_count <= PAGE_MAP_FIELDS_MAX);
    assert_true(snapshot.class_count <= PAGE_MAP_CLASSES_MAX);
    return status;
}

// Slots that nobody has had are not read. What the page says of their number is not trusted either.
static void
test_slots(void **state)
{
    struct apex_stats_schema *row =
        (struct apex_stats_schema *)(void *)(page + BYTES - FIELDS * sizeof *row);
    uint64_t *started = (uint64_t *)(void *)(page + 384 + 8);
    struct page_map map;

    (void)state;
    fill();
    assert_int_equal(read_all(&map), APEX_HELLO_ACCEPTED);
    assert_int_equal(page_map_slots(&map), 4); // it does not say
    strcpy(row->name, "threads_started");
    row->kind = APEX_STAT_COUNTER;
    assert_int_equal(read_all(&map), APEX_HELLO_ACCEPTED);
    assert_int_equal(page_map_slots(&map), 2); // two may be there that are not counted yet
    *started = 1;
    assert_int_equal(page_map_slots(&map), 3);
    *started = UINT64_MAX;
    assert_int_equal(page_map_slots(&map), 4);
}

static void
test_good_page(void **state)
{
    struct page_map map;

    (void)state;
    fill();
    assert_int_equal(read_all(&map), APEX_HELLO_ACCEPTED);
    assert_int_equal(map.field_count, 2);
    assert_string_equal(map.field[1].name, "slow_allocs");
    assert_false(map.field[1].is_gauge);
    assert_int_equal(map.thread.count, 4);
    struct apex_stats_superblock superblock;
    struct apex_stats_large large;
    assert_int_equal(map.superblock.count, 2);
    assert_int_equal(map.large.count, 3);
    assert_false(page_map_superblock(&map, 0, &superblock));
    assert_true(page_map_superblock(&map, 1, &superblock));
    assert_int_equal(superblock.base, 0x400000);
    assert_int_equal(superblock.block[63].class, 3);
    assert_false(page_map_large(&map, 1, &large));
    assert_true(page_map_large(&map, 2, &large));
    assert_int_equal(large.bytes, 8192);
    assert_int_equal(page_map_class_bytes(&map, 3), 0);
    assert_int_equal(page_map_class_bytes(&map, 4), 0);
    struct page_node node[PAGE_MAP_NODES_MAX];
    assert_int_equal(page_map_nodes(&map, node), 2);
    assert_int_equal(node[0].node, 1);
    assert_int_equal(node[0].value[PAGE_NODE_mapped], 4096);
    assert_int_equal(node[0].value[PAGE_NODE_active], 0);
    assert_int_equal(node[1].node, 1023);
    assert_int_equal(node[1].flags, APEX_NODE_USED | APEX_NODE_CPUS);
    assert_int_equal(node[1].value[PAGE_NODE_at_home], 4);
}

// A page of minor version 0 has no map, and is as good as any.
static void
test_page_without_map(void **state)
{
    struct page_map map;

    (void)state;
    fill();
    ((struct apex_stats_header *)(void *)page)->sections = 4;
    assert_int_equal(read_all(&map), APEX_HELLO_ACCEPTED);
    assert_int_equal(map.superblock.count, 0);
    assert_int_equal(map.large.count, 0);
    struct page_node node[PAGE_MAP_NODES_MAX];
    assert_int_equal(page_map_nodes(&map, node), 0);
}

static void
test_every_word_extreme(void **state)
{
    static const uint32_t values[] = {0,          1,          7,          8,          15,
                                      16,         4095,       4096,       4097,       65535,
                                      0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff8, 0xffffffff};
    struct page_map map;
    unsigned accepted = 0;

    (void)state;
    for (size_t at = 0; at < BYTES; at += 4) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            fill();
            memcpy(page + at, &values[v], 4);
            accepted += read_all(&map) == APEX_HELLO_ACCEPTED ? 1 : 0;
        }
    }
    assert_true(accepted > 0);
}

static void
test_random_tables(void **state)
{
    struct page_map map;
    unsigned accepted = 0;

    (void)state;
    random_state = 20230701;
    for (unsigned round = 0; round < 200000; round++) {
        fill();
        struct apex_stats_header *h = (struct apex_stats_header *)(void *)page;
        for (unsigned i = 0; i < 3; i++) {
            uint32_t *section = (uint32_t *)(void *)&h->section[random_next() % SECTIONS];
            uint32_t *word = section + random_next() % 4;
            uint64_t choice = random_next();
            *word = (choice & 3) == 0   ? (uint32_t)(choice >> 32)
                    : (choice & 3) == 1 ? (uint32_t)(choice >> 32) % BYTES
                    : (choice & 3) == 2 ? (uint32_t)(choice >> 32) % 64
                                        : *word + (uint32_t)(choice >> 60) * 8;
        }
        accepted += read_all(&map) == APEX_HELLO_ACCEPTED ? 1 : 0;
    }
    // The generator must reach what lies behind the checks, not only the checks.
    assert_true(accepted > 1000);
}

static void
test_names(void **state)
{
    static const char *const bad[] = {"", "Large", "la rge", "la-rge", "\xff", "..", "a\nb"};
    struct page_map map;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct apex_stats_schema *row =
            (struct apex_stats_schema *)(void *)(page + BYTES - FIELDS * sizeof *row);
        fill();
        memset(row->name, 0, sizeof row->name);
        memcpy(row->name, bad[i], strlen(bad[i]));
        assert_int_equal(read_all(&map), APEX_HELLO_ACCEPTED);
        assert_int_equal(map.field_count, 1);
        fill();
        memset(row->name, 'x', sizeof row->name); // not terminated
        assert_int_equal(read_all(&map), APEX_HELLO_ACCEPTED);
        assert_int_equal(map.field_count, 1);
        fill();
        row[1] = row[0]; // the same twice
        assert_int_equal(read_all(&map), APEX_HELLO_ACCEPTED);
        assert_int_equal(map.field_count, 1);
    }
}

static void
test_saturation(void **state)
{
    static struct page_snapshot snapshot;
    struct page_map map;
    uint64_t *sizes = (uint64_t *)(void *)(page + 400);

    (void)state;
    fill();
    sizes[0] = UINT64_MAX;
    for (unsigned slot = 0; slot < 4; slot++) {
        uint64_t *gained = (uint64_t *)(void *)(page + 512 + slot * SLOT_BYTES + 16);
        *gained = UINT64_MAX / 2;
    }
    assert_int_equal(read_all(&map), APEX_HELLO_ACCEPTED);
    // Nobody has a slot: only the one that is shared counts.
    page_map_snapshot(&map, &snapshot);
    assert_true(snapshot.class[0].gained == UINT64_MAX / 2);
    for (unsigned slot = 0; slot < 3; slot++) {
        struct apex_stats_thread *t =
            (struct apex_stats_thread *)(void *)(page + 512 + slot * SLOT_BYTES);
        t->state = slot == 0 ? APEX_SLOT_EXITED : APEX_SLOT_LIVE;
    }
    page_map_snapshot(&map, &snapshot);
    assert_int_equal(snapshot.threads_live, 2);
    assert_true(snapshot.class[0].gained == UINT64_MAX);
    assert_true(snapshot.small_bytes == UINT64_MAX);
}

// Programs have 47 bits of addresses on x86-64, and 48 on AArch64.
static void
test_spans(void **state)
{
    const uint64_t end = UINT64_C(1) << 48;

    (void)state;
    assert_true(page_map_is_span(end - PAGE_MAP_SUPERBLOCK_BYTES, PAGE_MAP_SUPERBLOCK_BYTES));
    assert_false(page_map_is_span(end, PAGE_MAP_SUPERBLOCK_BYTES));
    assert_false(page_map_is_span(0, end));
    assert_false(page_map_is_span(PAGE_MAP_SUPERBLOCK_BYTES / 2, PAGE_MAP_SUPERBLOCK_BYTES));
    assert_false(page_map_is_span(PAGE_MAP_SUPERBLOCK_BYTES, 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_page),     cmocka_unit_test(test_slots),
        cmocka_unit_test(test_every_word_extreme),
        cmocka_unit_test(test_random_tables), cmocka_unit_test(test_names),
        cmocka_unit_test(test_saturation),    cmocka_unit_test(test_page_without_map),
        cmocka_unit_test(test_spans),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
