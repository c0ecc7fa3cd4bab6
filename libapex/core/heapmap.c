// SPDX-License-Identifier: MIT
//
// Words and rows of the map, and the sets of rows in use.

#include "core/heapmap.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/constants.h"

#include <stddef.h>

// More superblocks than this have no room on the largest page.
#define SUPERBLOCK_ROWS (APEX_STATS_PAGE_BYTES_MAX / sizeof(struct apex_stats_superblock))
#define SUPERBLOCK_WORDS (SUPERBLOCK_ROWS / 64)
#define LARGE_WORDS (APEX_STATS_LARGE / 64)

// Rows in use. Bit n of word 0 is row n + 1: row 0 means none.
struct heapmap_rows {
    unsigned hint; // no word below has a row to give
    unsigned words;
    uint64_t *used;
};

static uint64_t superblock_used[SUPERBLOCK_WORDS];
static uint64_t large_used[LARGE_WORDS];
static struct heapmap_rows superblock_rows = {.words = SUPERBLOCK_WORDS, .used = superblock_used};
static struct heapmap_rows large_rows = {.words = LARGE_WORDS, .used = large_used};

// What is shown of large objects, by row; atomic.
static struct apex_stats_large large_shown[APEX_STATS_LARGE];

struct OWN_PAGES heapmap_loan {
    struct heapmap_hooks hooks;
};

static CONSTANT struct heapmap_loan lent;

static struct heapmap_sight nothing;
struct heapmap_sight *heapmap_sight = &nothing;

void
heapmap_set_hooks(const struct heapmap_hooks *hooks)
{
    lent.hooks = *hooks;
}

static uint32_t
heapmap_row_take(struct heapmap_rows *rows)
{
    for (; rows->hint < rows->words; rows->hint++) {
        uint64_t *word = &rows->used[rows->hint];
        if (~*word != 0) {
            unsigned bit = bits_lowest(~*word);
            *word |= UINT64_C(1) << bit;
            return rows->hint * 64 + bit + 1;
        }
    }
    return 0;
}

static void
heapmap_row_give(struct heapmap_rows *rows, uint32_t row)
{
    unsigned word = (row - 1) / 64;

    if (row != 0) {
        rows->used[word] &= ~(UINT64_C(1) << (row - 1) % 64);
        rows->hint = word < rows->hint ? word : rows->hint;
    }
}

// --- Blocks --------------------------------------------------------------------------------------

struct apex_stats_superblock *
heapmap_superblock(uint32_t row)
{
    // As in heapmap_page().
    const struct heapmap_sight *sight = load_acquire(&heapmap_sight);
    struct apex_stats_superblock *page = load_acquire(&sight->superblock);

    if (page == NULL || row == 0) {
        return NULL;
    }
    if (unlikely(row > load_relaxed(&sight->rows))) {
        lent.hooks.ask(row - 1);
        return NULL;
    }
    return &page[row - 1];
}

static void
heapmap_store(struct apex_stats_superblock *to, unsigned index, uint32_t word)
{
    store_relaxed((uint32_t *)(void *)&to->block[index], word);
}

// The descriptor before the page: heapmap_mirror() relies on it.
static void
heapmap_put(struct block *b, uint32_t word)
{
    b->shown_span = 0;
    if (b->shown == word) {
        return;
    }
    store_relaxed(&b->shown, word);
    if (heapmap_page() != NULL) {
        struct apex_stats_superblock *to = heapmap_superblock(superblock_of(b)->map_row);
        if (to != NULL) {
            heapmap_store(to, geometry_descriptor_index(b), word);
        }
    }
}

static const uint8_t state_shown[] = {
    [BLOCK_UNUSED] = APEX_BLOCK_TAKEN,        [BLOCK_MOVING] = APEX_BLOCK_TAKEN,
    [BLOCK_CURRENT] = APEX_BLOCK_CURRENT,     [BLOCK_FULL] = APEX_BLOCK_FULL,
    [BLOCK_AVAILABLE] = APEX_BLOCK_AVAILABLE, [BLOCK_IDLE] = APEX_BLOCK_IDLE,
    [BLOCK_TAIL] = APEX_BLOCK_TAKEN,
};

// So that a reader finds the exact count in blocks of up to 255 chunks: floor(fill * capacity/255).
// A run with one chunk is used and given back too often for a division.
static unsigned
heapmap_fill(uint32_t used, uint32_t capacity)
{
    if (capacity <= 1) {
        return used == 0 ? 0 : HEAPMAP_FILL_FULL;
    }
    uint32_t fill = (used * HEAPMAP_FILL_FULL + capacity - 1) / capacity;
    return fill < HEAPMAP_FILL_FULL ? fill : HEAPMAP_FILL_FULL - (used < capacity ? 1 : 0);
}

// The word of a full block tells of full blocks only down to where a quarter is free, and no other
// word tells of them: that one is full is always shown.
static void
heapmap_hold(struct block *b, uint32_t used)
{
    uint32_t quarter = (b->capacity + 3u) / 4;
    uint32_t least = used > quarter ? used - quarter + 1 : 1;
    uint32_t end = used + quarter < b->capacity ? used + quarter : b->capacity;

    b->shown_least = (uint16_t)least;
    b->shown_span = (uint16_t)(end - least + (used == b->capacity ? 1 : 0));
}

void
heapmap_show(struct block *b, unsigned owner)
{
    uint32_t used = block_used(b);
    unsigned fill = heapmap_fill(used, b->capacity);

    heapmap_put(b, HEAPMAP_WORD(b->size_class, state_shown[b->state], owner, fill));
    if (used != 0) {
        heapmap_hold(b, used);
    }
}

void
heapmap_audit(const struct block *b, unsigned owner)
{
    uint32_t used = block_used(b);
    uint32_t told = (b->shown >> 24) * b->capacity / HEAPMAP_FILL_FULL;
    uint32_t off = used < told ? told - used : used - told;
    uint32_t rounding = b->capacity / HEAPMAP_FILL_FULL + 1;

    if (heapmap_tells(b)) {
        const uint32_t same = HEAPMAP_WORD(0xff, 0, 0xff, 0);
        apex_audit((b->shown & same) == HEAPMAP_WORD(b->size_class, 0, owner, 0));
        apex_audit(off <= b->capacity / 4 + rounding);
        apex_audit(used < b->capacity || told == used);
    }
}

void
heapmap_show_taken(struct block *first, unsigned have, unsigned count)
{
    for (unsigned i = have; i < count; i++) {
        enum apex_block_state state = i == 0 ? APEX_BLOCK_TAKEN : APEX_BLOCK_TAIL;
        heapmap_put(&first[i], HEAPMAP_WORD(0, state, APEX_OWNER_NONE, i));
    }
}

void
heapmap_show_free(struct superblock *sb, uint64_t blocks, enum apex_block_state state)
{
    for (uint64_t left = blocks; left != 0; left &= left - 1) {
        heapmap_put(superblock_block(sb, bits_lowest(left)),
                    HEAPMAP_WORD(0, state, APEX_OWNER_NONE, 0));
    }
}

// --- Superblocks ---------------------------------------------------------------------------------

// A block that was never used has a descriptor of zeroes, and is clean.
static uint32_t
heapmap_shown(const struct superblock *sb, unsigned index)
{
    uint32_t word = index == 0 ? HEAPMAP_WORD(0, APEX_BLOCK_HEADER, APEX_OWNER_NONE, 0)
                               : load_relaxed(&superblock_block(sb, index)->shown);
    return word != 0 ? word : HEAPMAP_WORD(0, APEX_BLOCK_CLEAN, APEX_OWNER_NONE, 0);
}

void
heapmap_show_superblock(const struct superblock *sb)
{
    struct apex_stats_superblock *to = heapmap_superblock(sb->map_row);

    if (to != NULL) {
        store_relaxed(&to->flags, sb->huge ? APEX_SUPERBLOCK_HUGE : 0u);
        store_relaxed(&to->node, sb->node);
        store_relaxed(&to->base, (uint64_t)(uintptr_t)geometry_superblock_base(sb));
    }
}

// An owner may store a newer word to both places between our load and our store. Then the two
// differ afterwards, and the newer one is copied again; the fence keeps the look back from being
// early. (Of an owner that did not see the page yet, the newest word may be missing until the next
// one.)
void
heapmap_mirror(const struct superblock *sb)
{
    struct apex_stats_superblock *to = heapmap_superblock(sb->map_row);

    if (to == NULL) {
        return;
    }
    for (unsigned i = 0; i < BLOCK_COUNT; i++) {
        heapmap_store(to, i, heapmap_shown(sb, i));
    }
    fence_full();
    for (unsigned i = 1; i < BLOCK_COUNT; i++) {
        uint32_t word = heapmap_shown(sb, i);
        if (load_relaxed((uint32_t *)(void *)&to->block[i]) != word) {
            heapmap_store(to, i, word);
        }
    }
    heapmap_show_superblock(sb);
}

void
heapmap_enter(struct superblock *sb)
{
    sb->map_row = heapmap_row_take(&superblock_rows);
    heapmap_mirror(sb);
}

void
heapmap_leave(struct superblock *sb)
{
    struct apex_stats_superblock *to = heapmap_superblock(sb->map_row);

    if (to != NULL) {
        store_relaxed(&to->base, UINT64_C(0));
    }
    heapmap_row_give(&superblock_rows, sb->map_row);
    sb->map_row = 0;
}

// --- Large objects -------------------------------------------------------------------------------

static void
heapmap_large_store(struct apex_stats_large *to, uint64_t base, uint64_t bytes, uint32_t state)
{
    store_relaxed(&to->bytes, bytes);
    store_relaxed(&to->state, state);
    store_relaxed(&to->base, base);
}

static struct apex_stats_large *
heapmap_large_row(uint32_t row)
{
    return row == 0 || heapmap_page() == NULL ? NULL : lent.hooks.large_of(row - 1);
}

void
heapmap_large_show(uint32_t row, const void *base, size_t bytes, enum apex_large_state state)
{
    if (row == 0) {
        return;
    }
    heapmap_large_store(&large_shown[row - 1], (uintptr_t)base, bytes, (uint32_t)state);
    struct apex_stats_large *to = heapmap_large_row(row);
    if (to != NULL) {
        heapmap_large_store(to, (uintptr_t)base, bytes, (uint32_t)state);
    }
}

uint32_t
heapmap_large_enter(void)
{
    return heapmap_row_take(&large_rows);
}

void
heapmap_large_leave(uint32_t row)
{
    heapmap_large_show(row, NULL, 0, APEX_LARGE_NONE);
    heapmap_row_give(&large_rows, row);
}

// Copies one row; true if it was still the same afterwards.
static bool
heapmap_large_copy(struct apex_stats_large *to, const struct apex_stats_large *from)
{
    uint64_t base = load_relaxed(&from->base);
    uint64_t bytes = load_relaxed(&from->bytes);
    uint32_t state = load_relaxed(&from->state);

    heapmap_large_store(to, base, bytes, state);
    fence_full(); // as in heapmap_mirror()
    return load_relaxed(&from->base) == base && load_relaxed(&from->bytes) == bytes &&
           load_relaxed(&from->state) == state;
}

#define COPIES_MAX 16 // of a row that changes all the time

void
heapmap_large_mirror(void)
{
    for (uint32_t row = 1; row <= APEX_STATS_LARGE; row++) {
        struct apex_stats_large *to = heapmap_large_row(row);
        const struct apex_stats_large *from = &large_shown[row - 1];
        bool settled = to == NULL || load_relaxed(&from->base) == 0;
        for (unsigned i = 0; i < COPIES_MAX && !settled; i++) {
            settled = heapmap_large_copy(to, from);
        }
    }
}
