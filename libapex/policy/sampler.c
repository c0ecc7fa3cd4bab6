// SPDX-License-Identifier: MIT
//
// Clock, tables and their mirror. The tables are private memory and the truth; the page that apexd
// sees has the same layout, and every change is made to both. So a page can be replaced or dropped
// at any time, and the child of a fork keeps its own truth.

#include "policy/sampler.h"

#include "base/bits.h"
#include "base/constants.h"
#include "os/os.h"
#include "os/os_unwind.h"
#include "policy/config.h"

#include <string.h>

#define STACK_WINDOW 16 // places that a stack may have, and
#define LIVE_WINDOW 32  // a live object

uint64_t sampler_rate;
struct apex_profile_page *sampler_table;

struct OWN_PAGES sampler_loan {
    struct apex_profile_page *(*page)(void);
};

static CONSTANT struct sampler_loan lent;

void
sampler_set_page(struct apex_profile_page *(*page)(void))
{
    lent.page = page;
}

// Where the mirror of a word or record of the table is; NULL when there is no page.
static void *
sampler_mirror(const void *truth)
{
    const struct apex_profile_page *table = load_relaxed(&sampler_table);
    char *page = lent.page == NULL ? NULL : (char *)lent.page();

    return page == NULL ? NULL : page + ((const char *)truth - (const char *)table);
}

static void
sampler_add(uint64_t *truth, uint64_t delta)
{
    uint64_t *mirror = sampler_mirror(truth);

    add_relaxed(truth, delta);
    if (mirror != NULL) {
        add_relaxed(mirror, delta);
    }
}

// --- On and off ----------------------------------------------------------------------------------

// False when there is no memory.
static bool
sampler_make(void)
{
    size_t bytes = bits_align_up(sizeof(struct apex_profile_page), os_page_bytes());
    struct apex_profile_page *none = NULL;
    void *made;

    if (os_reserve(bytes, os_page_bytes(), 0, &made) != 0) {
        return false;
    }
    if (os_commit(made, bytes) != 0) {
        (void)os_release(made, bytes);
        return false;
    }
    struct apex_profile_page *table = made;
    table->header.start_ns = os_now_ns();
    table->stack[0].hash = 1; // those without a stack
    // Pairs with the acquires of those who look into the table.
    if (!cas_strong_release(&sampler_table, &none, table)) {
        (void)os_release(made, bytes); // another thread was faster
    }
    return true;
}

void
sampler_poll(void)
{
    uint64_t wanted = config_value(profile_rate);

    if (likely(wanted == load_relaxed(&sampler_rate))) {
        return;
    }
    if (load_acquire(&sampler_table) == NULL && !sampler_make()) { // pairs: sampler_make
        return;
    }
    store_relaxed(&sampler_rate, wanted);
    struct apex_profile_page *table = load_relaxed(&sampler_table);
    uint64_t *mirror = sampler_mirror(&table->header.rate_bytes);
    store_relaxed(&table->header.rate_bytes, wanted);
    if (mirror != NULL) {
        store_relaxed(mirror, wanted);
    }
}

void
sampler_copy(struct apex_profile_page *to)
{
    const uint64_t *from = (const uint64_t *)load_acquire(&sampler_table); // pairs: sampler_make
    size_t first = offsetof(struct apex_profile_page, header.rate_bytes) / sizeof *from;

    for (size_t i = first; i < sizeof *to / sizeof *from; i++) {
        uint64_t word = load_relaxed(&from[i]);
        if (word != 0) {
            store_relaxed(&((uint64_t *)to)[i], word);
        }
    }
}

// --- Chance --------------------------------------------------------------------------------------

// The natural logarithm of x >= 1, to five digits: that of the exponent, and a series for the rest
// (ln m = 2 artanh((m - 1) / (m + 1)), m between 1 and 2).
static double
sampler_log(uint64_t x)
{
    unsigned exponent = bits_log2(x);
    double m = (double)x / (double)(UINT64_C(1) << exponent);
    double t = (m - 1) / (m + 1);
    double square = t * t;

    return exponent * 0.69314718056 +
           2 * t * (1 + square * (1.0 / 3 + square * (1.0 / 5 + square * (1.0 / 7))));
}

// -ln of a number evenly spread over (0, 1] is spread as the gaps of a Poisson process are.
static double
sampler_gap(uint64_t rate_bytes, struct rng *rng)
{
    uint64_t u = (rng_next(rng) >> 16) + 1;
    return (double)rate_bytes * (48 * 0.69314718056 - sampler_log(u));
}

void
sampler_wind(struct sampler_clock *clock, struct rng *rng)
{
    uint64_t rate = load_relaxed(&sampler_rate);

    clock->rate_bytes = rate;
    clock->left_bytes = rate == 0 ? INT64_MAX : (int64_t)sampler_gap(rate, rng);
}

uint64_t
sampler_draw(uint64_t rate_bytes, size_t bytes, struct rng *rng)
{
    return (uint64_t)(sampler_gap(rate_bytes, rng) / (double)bytes);
}

// 1 - exp(-x): a series where x is small, and 1 - (1 - f)² = f (2 - f) for each doubling.
static double
sampler_chance(double x)
{
    unsigned doublings = 0;

    if (x > 40) {
        return 1;
    }
    for (; x > 1.0 / 16; doublings++) {
        x /= 2;
    }
    double f = x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4)));
    for (; doublings > 0; doublings--) {
        f *= 2 - f;
    }
    return f;
}

uint64_t
sampler_weight(size_t bytes, uint64_t rate_bytes)
{
    double chance = sampler_chance((double)bytes / (double)rate_bytes);
    return (uint64_t)(APEX_PROFILE_WEIGHT_ONE / chance + 0.5);
}

// --- Stacks --------------------------------------------------------------------------------------

// A product and a fold for each word, as in base/rng.h. Not 0, which is nobody's, nor 1.
static uint64_t
sampler_hash(const uintptr_t *word, unsigned count)
{
    uint64_t hash = count;

    for (unsigned i = 0; i < count; i++) {
        __uint128_t product =
            (__uint128_t)(hash ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    return hash < 2 ? 2 : hash;
}

static void
sampler_fill_stack(struct apex_profile_stack *stack, const uintptr_t *pc, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        store_relaxed(&stack->pc[i], (uint64_t)pc[i]);
    }
    store_release(&stack->depth, depth); // pairs with the acquire of the daemon
}

// The index of this stack, entered if it is new; 0 when there is no place.
static uint32_t
sampler_stack(struct apex_profile_page *table, const uintptr_t *pc, unsigned depth)
{
    uint64_t hash = sampler_hash(pc, depth);

    for (unsigned i = 0; i < STACK_WINDOW && depth > 0; i++) {
        uint32_t index = (uint32_t)((hash + i) % (APEX_PROFILE_STACKS - 1)) + 1;
        struct apex_profile_stack *stack = &table->stack[index];
        uint64_t found = 0;
        if (cas_strong_acquire(&stack->hash, &found, hash)) { // pairs with nothing: it is claimed
            struct apex_profile_stack *mirror = sampler_mirror(stack);
            sampler_fill_stack(stack, pc, depth);
            if (mirror != NULL) {
                store_relaxed(&mirror->hash, hash);
                sampler_fill_stack(mirror, pc, depth);
            }
            return index;
        }
        if (found == hash) {
            return index;
        }
    }
    sampler_add(&table->header.dropped_stacks, 1);
    return 0;
}

static void
sampler_sum(struct apex_profile_sum *sum, uint64_t size, uint64_t weight)
{
    sampler_add(&sum->samples, 1);
    sampler_add(&sum->weight, weight);
    sampler_add(&sum->bytes, size * weight / APEX_PROFILE_WEIGHT_ONE);
}

// --- Live objects --------------------------------------------------------------------------------

static struct apex_profile_live *
sampler_place(struct apex_profile_page *table, const void *p, unsigned i)
{
    // Fibonacci hashing (Knuth, 6.4): the topmost bits of the product spread numbers of any
    // distance evenly, and those below them do not.
    uint64_t number = (uintptr_t)p / SAMPLER_LEAD_BYTES;
    uint64_t product = number * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t first = product >> (64 - bits_log2(APEX_PROFILE_LIVE));
    return &table->live[(first + i) % APEX_PROFILE_LIVE];
}

static struct apex_profile_live *
sampler_reserve(struct apex_profile_page *table, const void *p)
{
    for (unsigned i = 0; i < LIVE_WINDOW; i++) {
        struct apex_profile_live *live = sampler_place(table, p, i);
        uint64_t expected = 0;
        // Pairs with nothing: what the place held before is of no interest.
        if (cas_strong_acquire(&live->address, &expected, APEX_PROFILE_BUSY)) {
            return live;
        }
    }
    return NULL;
}

static struct apex_profile_live *
sampler_look(struct apex_profile_page *table, const void *p)
{
    for (unsigned i = 0; i < LIVE_WINDOW; i++) {
        struct apex_profile_live *live = sampler_place(table, p, i);
        if (load_acquire(&live->address) == (uintptr_t)p) { // pairs: sampler_fill_live
            return live;
        }
    }
    return NULL;
}

static void
sampler_fill_live(struct apex_profile_live *live, const struct apex_profile_live *from)
{
    store_relaxed(&live->size_bytes, from->size_bytes);
    store_relaxed(&live->weight, from->weight);
    store_relaxed(&live->birth_ns, from->birth_ns);
    store_relaxed(&live->stack, from->stack);
    store_relaxed(&live->lead_bytes, from->lead_bytes);
    store_release(&live->address, from->address); // pairs: sampler_look, and the daemon
}

bool
sampler_enter(const void *p, size_t size, size_t lead, uint64_t weight)
{
    struct apex_profile_page *table = load_acquire(&sampler_table); // pairs: sampler_make
    uintptr_t pc[APEX_PROFILE_DEPTH_MAX];

    if (table == NULL || load_relaxed(&sampler_rate) == 0) {
        return false;
    }
    struct apex_profile_live *live = sampler_reserve(table, p);
    if (live == NULL) {
        sampler_add(&table->header.dropped_live, 1);
        return false;
    }
    uint32_t stack = sampler_stack(table, pc, os_unwind(pc, APEX_PROFILE_DEPTH_MAX));
    struct apex_profile_live entry = {
        .address = (uintptr_t)p,
        .size_bytes = size,
        .weight = weight,
        .birth_ns = os_now_ns(),
        .stack = stack,
        .lead_bytes = (uint32_t)lead,
    };
    sampler_add(&table->header.samples, 1);
    sampler_sum(&table->stack[stack].allocs, size, weight);
    struct apex_profile_live *mirror = sampler_mirror(live);
    if (mirror != NULL) {
        sampler_fill_live(mirror, &entry);
    }
    sampler_fill_live(live, &entry);
    return true;
}

bool
sampler_find(const void *p, size_t *lead)
{
    struct apex_profile_page *table = load_acquire(&sampler_table); // pairs: sampler_make
    struct apex_profile_live *live = table == NULL ? NULL : sampler_look(table, p);

    *lead = live == NULL ? 0 : load_relaxed(&live->lead_bytes);
    return live != NULL;
}

bool
sampler_claim(const void *p, size_t *lead)
{
    struct apex_profile_page *table = load_acquire(&sampler_table); // pairs: sampler_make
    struct apex_profile_live *live = table == NULL ? NULL : sampler_look(table, p);
    uint64_t expected = (uintptr_t)p;

    if (live == NULL) {
        return false;
    }
    uint64_t size = load_relaxed(&live->size_bytes);
    uint64_t weight = load_relaxed(&live->weight);
    uint32_t stack = load_relaxed(&live->stack);
    struct apex_profile_live *mirror = sampler_mirror(live);
    *lead = load_relaxed(&live->lead_bytes);
    // Out of sight before the place is free for others, in the mirror as in the table.
    if (!cas_strong_acquire(&live->address, &expected, APEX_PROFILE_BUSY)) {
        return false; // pairs: sampler_fill_live; another thread was faster
    }
    if (mirror != NULL) {
        store_relaxed(&mirror->address, UINT64_C(0));
    }
    sampler_sum(&table->stack[stack].frees, size, weight);
    store_release(&live->address, UINT64_C(0)); // pairs: sampler_reserve
    return true;
}
