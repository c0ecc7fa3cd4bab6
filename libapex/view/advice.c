// SPDX-License-Identifier: MIT
//
// Follows the advice page; see advice.h. Acknowledged by the counters advice_epoch, advice_applied
// and advice_rejected of the stats page, and by its table of options.

#include "view/advice.h"

#include "base/atomic.h"
#include "policy/config.h"
#include "policy/heaps.h"
#include "policy/pool.h"
#include "view/stats_page.h"

#include <stdbool.h>
#include <stddef.h>

#define COPY_TRIES_MAX 16 // of rows that change meanwhile; then the next look is soon enough

static uint64_t epoch;       // in force; 0: none
static uint64_t purges_seen; // value of `purge` that was answered

// Copies the rows, word by word. False while they are being changed.
static bool
advice_copy(const struct apex_advice_page *page, struct apex_advice_row *row, unsigned *rows,
            uint64_t *found)
{
    uint64_t *to = (uint64_t *)(void *)row;
    const uint64_t *from = (const uint64_t *)(const void *)page->row;

    for (unsigned tries = 0; tries < COPY_TRIES_MAX; tries++) {
        // The acquire pairs with the release that ends a change in the daemon, the fence with the
        // one that begins it (apexd/advice.c).
        uint32_t before = load_acquire(&page->sequence);
        *rows = load_relaxed(&page->rows);
        *rows = *rows > APEX_ADVICE_ROWS_MAX ? APEX_ADVICE_ROWS_MAX : *rows;
        *found = load_relaxed(&page->epoch);
        for (size_t i = 0; i < *rows * sizeof *row / sizeof *to; i++) {
            to[i] = load_relaxed(&from[i]);
        }
        fence_acquire();
        if (before % 2 == 0 && load_relaxed(&page->sequence) == before) {
            return true;
        }
    }
    return false;
}

static void
advice_apply(const struct apex_advice_row *row, unsigned rows, uint64_t found)
{
    unsigned refused = config_advise(row, rows);

    POOL_COUNT(advice_epoch, found - epoch);
    POOL_COUNT(advice_applied, 1);
    POOL_COUNT(advice_rejected, refused);
    epoch = found;
    pool_retune();
}

static void
advice_take_rows(const struct apex_advice_page *page)
{
    struct apex_advice_row row[APEX_ADVICE_ROWS_MAX];
    unsigned rows;
    uint64_t found;

    if (load_relaxed(&page->epoch) != epoch && advice_copy(page, row, &rows, &found) &&
        found != epoch) {
        advice_apply(row, rows, found);
    }
}

static bool
advice_has_rows(uint32_t bytes)
{
    return bytes >= APEX_ADVICE_BYTES_1;
}

void
advice_begin(const struct apex_advice_page *page, uint32_t bytes)
{
    if (advice_has_rows(bytes)) {
        purges_seen = load_relaxed(&page->purge);
        advice_follow(page, bytes);
    }
}

void
advice_follow(const struct apex_advice_page *page, uint32_t bytes)
{
    if (advice_has_rows(bytes)) {
        advice_take_rows(page);
        uint64_t purges = load_relaxed(&page->purge);
        if (purges != purges_seen) {
            purges_seen = purges;
            heaps_sweep(0);
            pool_trim(0);
            POOL_COUNT(advice_applied, 1);
        }
    }
    stats_page_options();
}

void
advice_end(void)
{
    if (epoch != 0) {
        config_advise(NULL, 0);
        POOL_COUNT(advice_epoch, -epoch);
        epoch = 0;
        pool_retune();
    }
}
