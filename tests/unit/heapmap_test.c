// SPDX-License-Identifier: MIT
//
// Unit test of core/heapmap.c: rows come, go and are used again; words say what blocks are, reach
// the page when there is one, and fill a page that is made later. Reason: others draw the heap from
// these words, and give memory back by them, without asking the process.

#include "core/heapmap.h"

#include "os/os.h"

#include "../support/unit.h"

#define SUPERBLOCKS 3
#define ROWS 2 // that the page has; the third superblock is beyond it

static struct apex_stats_superblock page[ROWS];
static struct apex_stats_large large_page[APEX_STATS_LARGE];
static bool page_there;
static unsigned asked_beyond;
static struct superblock *sb[SUPERBLOCKS];

static struct heapmap_sight sight;

static void
ask(uint32_t row)
{
    asked_beyond += row >= ROWS ? 1 : 0;
}

static void
show_page(bool there)
{
    page_there = there;
    sight = (struct heapmap_sight){.superblock = there ? page : NULL, .rows = ROWS};
}

static struct apex_stats_large *
large_row_of(uint32_t row)
{
    return page_there && row < APEX_STATS_LARGE ? &large_page[row] : NULL;
}

static int
setup(void **state)
{
    static const struct heapmap_hooks hooks = {ask, large_row_of};

    (void)state;
    heapmap_set_hooks(&hooks);
    heapmap_sight = &sight;
    memset(page, 0, sizeof page);
    memset(large_page, 0, sizeof large_page);
    show_page(true);
    asked_beyond = 0;
    for (unsigned i = 0; i < SUPERBLOCKS; i++) {
        void *p = NULL;
        assert_int_equal(os_reserve(SUPERBLOCK_BYTES, SUPERBLOCK_BYTES, 0, &p), 0);
        assert_int_equal(os_commit(p, SUPERBLOCK_BYTES), 0);
        sb[i] = superblock_init(p, 0, 0);
        heapmap_enter(sb[i]);
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SUPERBLOCKS; i++) {
        heapmap_leave(sb[i]);
        os_release(geometry_superblock_base(sb[i]), SUPERBLOCK_BYTES);
    }
    return 0;
}

static void
expect(unsigned row, unsigned index, unsigned c, enum apex_block_state state, unsigned owner,
       unsigned fill)
{
    const struct apex_stats_block *b = &page[row].block[index];

    assert_int_equal(b->class, c);
    assert_int_equal(b->state, state);
    assert_int_equal(b->owner, owner);
    assert_int_equal(b->fill, fill);
}

static void
test_rows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS; i++) {
        assert_int_equal(page[i].base, (uintptr_t)geometry_superblock_base(sb[i]));
        expect(i, 0, 0, APEX_BLOCK_HEADER, APEX_OWNER_NONE, 0);
        for (unsigned b = 1; b < BLOCK_COUNT; b++) {
            expect(i, b, 0, APEX_BLOCK_CLEAN, APEX_OWNER_NONE, 0);
        }
    }
    assert_true(asked_beyond > 0); // so that a longer page is made
    heapmap_leave(sb[0]);
    assert_int_equal(page[0].base, 0);
    heapmap_leave(sb[2]);
    heapmap_enter(sb[2]); // the lowest row that is free
    assert_int_equal(page[0].base, (uintptr_t)geometry_superblock_base(sb[2]));
    heapmap_enter(sb[0]);
    assert_int_equal(page[1].base, (uintptr_t)geometry_superblock_base(sb[1]));
}

// The life of a run: taken, in use, idle, given back, purged.
static void
test_life_of_a_block(void **state)
{
    struct block *b = superblock_block(sb[0], 4);

    (void)state;
    b->run_blocks = 3;
    heapmap_show_taken(b, 0, 3);
    expect(0, 4, 0, APEX_BLOCK_TAKEN, APEX_OWNER_NONE, 0);
    expect(0, 5, 0, APEX_BLOCK_TAIL, APEX_OWNER_NONE, 1);
    expect(0, 6, 0, APEX_BLOCK_TAIL, APEX_OWNER_NONE, 2);
    expect(0, 7, 0, APEX_BLOCK_CLEAN, APEX_OWNER_NONE, 0);
    b->size_class = 7;
    b->capacity = 100;
    block_set_state(b, BLOCK_CURRENT);
    block_set_used(b, 30);
    heapmap_show(b, 11);
    expect(0, 4, 7, APEX_BLOCK_CURRENT, 11, (30 * 255 + 99) / 100);
    block_set_state(b, BLOCK_FULL);
    block_set_used(b, 100);
    heapmap_show(b, APEX_OWNER_ORPHAN);
    expect(0, 4, 7, APEX_BLOCK_FULL, APEX_OWNER_ORPHAN, 255);
    block_set_state(b, BLOCK_IDLE);
    block_set_used(b, 0);
    heapmap_show(b, 11);
    expect(0, 4, 7, APEX_BLOCK_IDLE, 11, 0);
    heapmap_show_free(sb[0], bits_range(4, 3), APEX_BLOCK_DIRTY);
    expect(0, 5, 0, APEX_BLOCK_DIRTY, APEX_OWNER_NONE, 0);
    heapmap_show_free(sb[0], bits_range(4, 3), APEX_BLOCK_CLEAN);
    expect(0, 4, 0, APEX_BLOCK_CLEAN, APEX_OWNER_NONE, 0);
    expect(0, 6, 0, APEX_BLOCK_CLEAN, APEX_OWNER_NONE, 0);
}

// A reader can tell how many chunks are live, empty from not empty, and full from nearly full.
static void
test_fill(void **state)
{
    struct block *b = superblock_block(sb[1], 1);

    (void)state;
    heapmap_show_taken(b, 0, 1);
    block_set_state(b, BLOCK_AVAILABLE);
    for (unsigned capacity = 1; capacity <= 4096; capacity = capacity < 255 ? capacity + 1
                                                                            : capacity * 2) {
        b->capacity = (uint16_t)capacity;
        for (unsigned used = 0; used <= capacity; used++) {
            block_set_used(b, used);
            heapmap_show(b, 0);
            assert_true(used == 0 || heapmap_tells(b));
            unsigned fill = page[1].block[1].fill;
            unsigned read = fill * capacity / 255;
            assert_int_equal(fill == 0, used == 0);
            assert_int_equal(fill == 255, used == capacity);
            if (capacity <= 255) {
                assert_int_equal(read, used);
            } else {
                assert_in_range(read + capacity / 255 + 1 - used, 0, 2 * (capacity / 255 + 1));
            }
        }
    }
}

// What is shown is near enough while less than a quarter of the chunks came or went; that a block
// is full, or empty, is told in any case; and a block that changes hands is shown again.
static void
test_near_enough(void **state)
{
    struct block *b = superblock_block(sb[1], 1);

    (void)state;
    heapmap_show_taken(b, 0, 1);
    assert_false(heapmap_tells(b));
    block_set_state(b, BLOCK_AVAILABLE);
    for (unsigned capacity = 1; capacity <= 4096; capacity = capacity * 2 + 1) {
        b->capacity = (uint16_t)capacity;
        for (unsigned shown = 1; shown <= capacity; shown += 1 + capacity / 32) {
            block_set_used(b, shown);
            heapmap_show(b, 0);
            for (unsigned used = 0; used <= capacity; used++) {
                unsigned off = used < shown ? shown - used : used - shown;
                bool near_enough = used != 0 && off * 4 < capacity &&
                                   (used < capacity || shown == capacity);
                block_set_used(b, used);
                assert_int_equal(heapmap_tells(b), near_enough);
            }
        }
    }
    block_set_used(b, 1);
    heapmap_show(b, 0);
    assert_true(heapmap_tells(b));
    heapmap_forget(b);
    assert_false(heapmap_tells(b));
    heapmap_show(b, 1);
    heapmap_show_free(sb[1], bits_range(1, 1), APEX_BLOCK_DIRTY);
    assert_false(heapmap_tells(b));
}

// What changed while there was no page is on the next one.
static void
test_mirror(void **state)
{
    struct block *b = superblock_block(sb[1], 9);
    static int object;

    (void)state;
    uint32_t row = heapmap_large_enter();
    assert_int_equal(row, 1);
    show_page(false);
    heapmap_show_taken(b, 0, 2);
    b->size_class = 3;
    b->capacity = 4;
    block_set_state(b, BLOCK_AVAILABLE);
    block_set_used(b, 1);
    heapmap_show(b, 200);
    sb[1]->huge = true;
    heapmap_large_show(row, &object, 8192, APEX_LARGE_CACHED);
    memset(page, 0, sizeof page);
    show_page(true);
    for (unsigned i = 0; i < SUPERBLOCKS; i++) {
        heapmap_mirror(sb[i]);
    }
    heapmap_large_mirror();
    expect(1, 9, 3, APEX_BLOCK_AVAILABLE, 200, 64);
    expect(1, 10, 0, APEX_BLOCK_TAIL, APEX_OWNER_NONE, 1);
    assert_int_equal(page[1].flags, APEX_SUPERBLOCK_HUGE);
    assert_int_equal(page[0].flags, 0);
    assert_int_equal(page[0].base, (uintptr_t)geometry_superblock_base(sb[0]));
    assert_int_equal(large_page[0].base, (uintptr_t)&object);
    assert_int_equal(large_page[0].bytes, 8192);
    assert_int_equal(large_page[0].state, APEX_LARGE_CACHED);
    heapmap_large_leave(row);
    assert_int_equal(large_page[0].base, 0);
    assert_int_equal(large_page[0].state, APEX_LARGE_NONE);
}

static void
test_more_large_objects_than_rows(void **state)
{
    static char object[APEX_STATS_LARGE + 8];

    (void)state;
    for (unsigned i = 0; i < APEX_STATS_LARGE + 8; i++) {
        uint32_t row = heapmap_large_enter();
        assert_int_equal(row, i < APEX_STATS_LARGE ? i + 1 : 0);
        heapmap_large_show(row, &object[i], 4096, APEX_LARGE_LIVE);
    }
    for (unsigned i = 0; i < APEX_STATS_LARGE; i++) {
        assert_int_equal(large_page[i].base, (uintptr_t)&object[i]);
    }
    heapmap_large_leave(0); // of one that has none
    heapmap_large_leave(300);
    assert_int_equal(large_page[299].base, 0);
    assert_int_equal(heapmap_large_enter(), 300);
    for (uint32_t row = 1; row <= APEX_STATS_LARGE; row++) {
        heapmap_large_leave(row);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_life_of_a_block, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_near_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mirror, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_large_objects_than_rows, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
