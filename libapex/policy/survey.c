// SPDX-License-Identifier: MIT
//
// Draws pages, asks the kernel, counts; see survey.h.
//
// The sample: pages that may be there are numbered, those of superblocks first and those of live
// large objects after them, and one is drawn after each random gap. Gaps of equal length would fall
// on the same page of every block.

#include "policy/survey.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/rng.h"
#include "core/large.h"
#include "os/os.h"
#include "os/os_page.h"
#include "os/os_place.h"
#include "policy/numa.h"
#include "policy/pool.h"
#include "policy/steer.h"

#include <string.h>

// Pages drawn on average, so that with random gaps there are hardly ever too many.
#define DRAWN_MEAN (OS_PLACE_PAGES_MAX * 7 / 8)
#define SUPERBLOCKS_AT_A_TIME 64 // looked at under the pool's lock
#define PAGES_OF_BLOCK 4         // asked about to know where a free block is,
#define PAGES_OF_LARGE 16        // or a free mapping

struct survey_home {
    uint64_t sampled;
    uint64_t at_home;
    uint64_t found;
};

// Too much for the stack of a small thread, and used by one at a time.
static struct {
    struct rng rng;
    uint64_t gap_mean;
    uint64_t left; // pages before the next one that is drawn
    unsigned count;
    void *page[OS_PLACE_PAGES_MAX];
    uint8_t home[OS_PLACE_PAGES_MAX]; // STEER_ANYWHERE for those that have none
    int status[OS_PLACE_PAGES_MAX];
    struct survey_home books[NUMA_HOMES];
} survey;

static uint32_t busy; // 1: somebody uses it; atomic

_Static_assert(BLOCK_COUNT * PAGES_OF_BLOCK <= OS_PLACE_PAGES_MAX, "one question a superblock");

static bool
survey_begin(enum survey_asker asker)
{
    uint32_t expected = 0;

    if (asker == SURVEY_ADVICE && os_sandbox_filters() != 0) {
        return false;
    }
    return cas_strong_acquire(&busy, &expected, 1); // pairs with the release in survey_end
}

static void
survey_end(void)
{
    store_release(&busy, 0);
}

static bool
survey_is_pointless(void)
{
    unsigned nodes = 0;

    for (unsigned i = 0; i < NUMA_HOMES; i++) {
        uint32_t flags;
        numa_node(i, &flags);
        nodes += (flags & APEX_NODE_MEMORY) != 0;
    }
    return nodes <= 1;
}

// --- Drawing -------------------------------------------------------------------------------------

static uint64_t
survey_random(uint64_t below)
{
    return rng_next(&survey.rng) % below;
}

static void
survey_start_drawing(uint64_t pages)
{
    uint64_t seed;

    os_random(&seed, sizeof seed);
    rng_seed(&survey.rng, seed);
    survey.gap_mean = pages / DRAWN_MEAN + 1;
    survey.left = survey_random(survey.gap_mean);
    survey.count = 0;
}

// The number of the next page that is drawn of the next `pages`. False when there is no other; then
// what is asked about next comes behind them.
static bool
survey_draw(uint64_t pages, uint64_t *page)
{
    if (survey.count == OS_PLACE_PAGES_MAX) {
        return false;
    }
    if (survey.left >= pages) {
        survey.left -= pages;
        return false;
    }
    *page = survey.left;
    survey.left += 1 + survey_random(2 * survey.gap_mean - 1);
    return true;
}

static void
survey_add(const char *page, unsigned home)
{
    survey.page[survey.count] = (void *)(uintptr_t)page;
    survey.home[survey.count] = (uint8_t)home;
    survey.count++;
}

static unsigned
survey_nth_bit(uint64_t set, uint64_t n)
{
    for (; n > 0; n--) {
        set &= set - 1;
    }
    return bits_lowest(set);
}

// What is free and clean has no pages.
static void
survey_superblock(const struct superblock *sb, void *context)
{
    uint64_t blocks = ~sb->free | sb->dirty;
    uint64_t block_pages = BLOCK_BYTES / os_page_bytes();
    uint64_t page;

    (void)context;
    while (survey_draw(bits_count(blocks) * block_pages, &page)) {
        unsigned block = survey_nth_bit(blocks, page / block_pages);
        survey_add(superblock_block_address(sb, block) + page % block_pages * os_page_bytes(),
                   sb->home);
    }
}

static void
survey_large(const struct large *large)
{
    const char *base = load_relaxed(&large->base);
    uint64_t pages = load_relaxed(&large->usable_bytes) / os_page_bytes();
    bool interleaved = load_relaxed(&large->place_mode) == LARGE_INTERLEAVE;
    uint64_t page;

    while (load_relaxed(&large->state) == LARGE_LIVE && survey_draw(pages, &page)) {
        survey_add(base + page * os_page_bytes(),
                   interleaved ? STEER_ANYWHERE : load_relaxed(&large->place_home));
    }
}

static void
survey_draw_all(void)
{
    struct apex_stats_process books;
    struct pool_walk walk;

    pool_stats(&books);
    survey_start_drawing((books.active + books.dirty + books.superblocks * BLOCK_BYTES) /
                         os_page_bytes());
    pool_walk_begin(&walk);
    while (pool_walk_superblocks(&walk, SUPERBLOCKS_AT_A_TIME, survey_superblock, NULL)) {
    }
    pool_walk_end(&walk);
    for (const struct large *l = large_next(NULL); l != NULL; l = large_next(l)) {
        survey_large(l);
    }
}

static bool
survey_ask(void)
{
    return os_place_query(survey.page, survey.count, survey.status) == 0;
}

// --- Counting ------------------------------------------------------------------------------------

static void
survey_count(void)
{
    memset(survey.books, 0, sizeof survey.books);
    for (unsigned i = 0; i < survey.count; i++) {
        unsigned home = survey.home[i];
        if (survey.status[i] < 0) {
            continue; // not there
        }
        unsigned there = steer_index((unsigned)survey.status[i]);
        if (there != STEER_ANYWHERE) {
            survey.books[there].found++;
        }
        if (home != STEER_ANYWHERE) {
            survey.books[home].sampled++;
            survey.books[home].at_home += there == home;
        }
    }
    for (unsigned i = 0; i < NUMA_HOMES; i++) {
        const struct survey_home *home = &survey.books[i];
        if (home->sampled != 0 || home->found != 0) {
            POOL_COUNT_HOME(i, sampled, home->sampled);
            POOL_COUNT_HOME(i, at_home, home->at_home);
            POOL_COUNT_HOME(i, found, home->found);
        }
    }
}

bool
survey_sample(enum survey_asker asker)
{
    if (survey_is_pointless()) {
        return true;
    }
    if (!survey_begin(asker)) {
        return false;
    }
    survey_draw_all();
    bool told = survey_ask();
    if (told) {
        survey_count();
    }
    survey_end();
    return told;
}

// --- Coming home ---------------------------------------------------------------------------------

// Those of `blocks` that have a page which is not at home.
static uint64_t
survey_blocks_away(const struct superblock *sb, uint64_t blocks)
{
    uint64_t away = 0;

    survey.count = 0;
    for (uint64_t left = blocks; left != 0; left &= left - 1) {
        const char *block = superblock_block_address(sb, bits_lowest(left));
        for (unsigned i = 0; i < PAGES_OF_BLOCK; i++) {
            survey_add(block + i * (BLOCK_BYTES / PAGES_OF_BLOCK), bits_lowest(left));
        }
    }
    if (!survey_ask()) {
        return 0;
    }
    for (unsigned i = 0; i < survey.count; i++) {
        bool elsewhere = survey.status[i] >= 0 && (unsigned)survey.status[i] != sb->node;
        away |= elsewhere ? UINT64_C(1) << survey.home[i] : 0;
    }
    return away;
}

// True if most of it is not at home.
static bool
survey_large_is_away(const struct large *large)
{
    size_t step = bits_align_down(large->usable_bytes / PAGES_OF_LARGE, os_page_bytes());
    uint32_t flags;
    int home = (int)numa_node(large->place_home, &flags);
    int balance = 0;

    if (large->place_mode == LARGE_INTERLEAVE) {
        return false;
    }
    survey.count = 0;
    for (unsigned i = 0; i < PAGES_OF_LARGE; i++) {
        survey_add(large->base + i * step, 0);
    }
    if (!survey_ask()) {
        return false;
    }
    for (unsigned i = 0; i < survey.count; i++) {
        balance += survey.status[i] < 0 ? 0 : survey.status[i] == home ? -1 : 1;
    }
    return balance > 0;
}

bool
survey_rehome(enum survey_asker asker)
{
    if (survey_is_pointless()) {
        return true;
    }
    if (!survey_begin(asker)) {
        return false;
    }
    pool_rehome(survey_blocks_away);
    large_expel(survey_large_is_away);
    survey_end();
    return true;
}

void
survey_fork_child(void)
{
    store_relaxed(&busy, 0);
}
