// SPDX-License-Identifier: MIT
//
// Follows the advice page; see advice.h. Acknowledged by the counters advice_epoch, advice_applied
// and advice_rejected of the stats page, and by its table of options.

#include "view/advice.h"

#include "base/atomic.h"
#include "policy/config.h"
#include "policy/heaps.h"
#include "policy/pool.h"
#include "policy/steer.h"
#include "policy/survey.h"
#include "view/stats_page.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define COPY_TRIES_MAX 16 // of what changes meanwhile; then the next look is soon enough

static uint64_t epoch;          // of this page, taken; 0: nothing yet
static uint64_t epoch_refused;  // the last that was refused as a whole; 0: none
static uint64_t epoch_in_force; // perhaps of the page before; 0: there is no advice

// Requests that were answered.
static struct {
    uint64_t purge;
    uint64_t sample;
    uint64_t rehome;
} answered;

// What the page says, copied.
struct advised {
    uint64_t epoch;
    unsigned rows;
    unsigned weights;
    struct apex_advice_row row[APEX_ADVICE_ROWS_MAX];
    struct apex_advice_weight weight[APEX_ADVICE_WEIGHTS_MAX];
};

static bool
advice_has_rows(uint32_t bytes)
{
    return bytes >= APEX_ADVICE_BYTES_1;
}

static bool
advice_has_nodes(uint32_t bytes)
{
    return bytes >= sizeof(struct apex_advice_page);
}

static void
advice_copy_words(void *to, const void *from, size_t bytes)
{
    uint64_t *out = to;
    const uint64_t *in = from;

    for (size_t i = 0; i < bytes / sizeof *out; i++) {
        out[i] = load_relaxed(&in[i]);
    }
}

// Copies it all, word by word. False while it is being changed.
static bool
advice_copy(const struct apex_advice_page *page, uint32_t bytes, struct advised *out)
{
    for (unsigned tries = 0; tries < COPY_TRIES_MAX; tries++) {
        // The acquire pairs with the release that ends a change in the daemon, the fence with the
        // one that begins it (apexd/advice.c).
        uint32_t before = load_acquire(&page->sequence);
        out->epoch = load_relaxed(&page->epoch);
        out->rows = load_relaxed(&page->rows);
        advice_copy_words(out->row, page->row, sizeof out->row);
        out->weights = advice_has_nodes(bytes) ? load_relaxed(&page->weights) : 0;
        advice_copy_words(out->weight, page->weight, sizeof out->weight);
        fence_acquire();
        if (before % 2 == 0 && load_relaxed(&page->sequence) == before) {
            return true;
        }
    }
    return false;
}

// A node that is not there, or not for this process, is not the nearest one that is: such a row is
// made one that names no option.
static void
advice_strike_nodes(struct advised *advised)
{
    size_t count;
    const struct config_option *options = config_options(&count);

    for (unsigned i = 0; i < advised->rows; i++) {
        struct apex_advice_row *row = &advised->row[i];
        for (size_t n = 0; n < count; n++) {
            if (options[n].type == CONFIG_NODE && row->value != APEX_OPTION_NODE_NONE &&
                strncmp(options[n].key, row->key, sizeof row->key) == 0 &&
                !steer_node_is_allowed(row->value)) {
                row->key[0] = '\0';
            }
        }
    }
}

static void
advice_count_epoch(uint64_t now)
{
    POOL_COUNT(advice_epoch, now - epoch_in_force);
    epoch_in_force = now;
}

static void
advice_apply(struct advised *advised)
{
    advice_strike_nodes(advised);
    // Shares mean something while an option says so: they come before it, and go after it.
    bool none = advised->weights == 0;
    bool weighed = none || steer_weigh(advised->weight, advised->weights);
    unsigned refused = config_advise(advised->row, advised->rows) + (weighed ? 0 : 1);
    if (none) {
        steer_weigh(NULL, 0);
    }
    advice_count_epoch(advised->epoch);
    POOL_COUNT(advice_applied, 1);
    POOL_COUNT(advice_rejected, refused);
    epoch = advised->epoch;
    pool_retune();
}

// No daemon goes back in its own page, nor fills more rows than there are: whoever wrote this knows
// no rules, and what was in force stays.
static bool
advice_makes_sense(const struct advised *advised)
{
    return advised->epoch > epoch && advised->rows <= APEX_ADVICE_ROWS_MAX;
}

// False while it is not known what the page says, because it is being changed.
static bool
advice_take(const struct apex_advice_page *page, uint32_t bytes)
{
    struct advised advised;
    uint64_t found = load_relaxed(&page->epoch);

    if (found == epoch || found == epoch_refused) {
        return true;
    }
    bool whole = advice_copy(page, bytes, &advised);
    if (whole && advice_makes_sense(&advised)) {
        advice_apply(&advised);
        return true;
    }
    epoch_refused = whole ? advised.epoch : 0; // what is torn may be whole next time
    POOL_COUNT(advice_rejected, 1);
    return whole;
}

// True if this is a request that was not seen yet.
static bool
advice_asks(const uint64_t *word, uint64_t *seen)
{
    uint64_t now = load_relaxed(word);
    bool asks = now != *seen;

    *seen = now;
    return asks;
}

static void
advice_answer(const struct apex_advice_page *page, uint32_t bytes)
{
    if (advice_asks(&page->purge, &answered.purge)) {
        heaps_sweep(0);
        pool_trim(0);
        POOL_COUNT(advice_applied, 1);
    }
    if (!advice_has_nodes(bytes)) {
        return;
    }
    if (advice_asks(&page->rehome, &answered.rehome)) {
        heaps_sweep(0);
        survey_rehome(SURVEY_ADVICE);
        POOL_COUNT(advice_applied, 1);
    }
    if (advice_asks(&page->sample, &answered.sample)) {
        survey_sample(SURVEY_ADVICE);
        POOL_COUNT(advice_applied, 1);
    }
}

// Each page numbers its changes for itself.
static void
advice_forget_page(void)
{
    epoch = 0;
    epoch_refused = 0;
}

void
advice_begin(const struct apex_advice_page *page, uint32_t bytes)
{
    bool known = true;

    advice_forget_page();
    if (advice_has_rows(bytes)) {
        answered.purge = load_relaxed(&page->purge);
        answered.sample = advice_has_nodes(bytes) ? load_relaxed(&page->sample) : 0;
        answered.rehome = advice_has_nodes(bytes) ? load_relaxed(&page->rehome) : 0;
        known = advice_take(page, bytes);
    }
    if (known && epoch == 0) {
        advice_end();
    }
    stats_page_options();
}

void
advice_follow(const struct apex_advice_page *page, uint32_t bytes)
{
    if (advice_has_rows(bytes)) {
        (void)advice_take(page, bytes);
        advice_answer(page, bytes);
    }
    stats_page_options();
}

void
advice_end(void)
{
    advice_forget_page();
    if (epoch_in_force != 0) {
        config_advise(NULL, 0);
        steer_weigh(NULL, 0);
        advice_count_epoch(0);
        pool_retune();
        stats_page_options();
    }
}
