// SPDX-License-Identifier: MIT
//
// Makes, replaces and drops the stats page. See stats_page.h for who may call what.
//
//   0        header, with the table of sections
//   …        process values, class sizes
//   128·n    thread slots, SLOT_BYTES apart, so that no two share a cache line
//   …        schema rows: what the values are called
//   …        options: what they are, and their values
//   …        NUMA nodes
//   …        large objects
//   …        superblocks, as many as there is room for in a whole number of OS pages
//
// The page grows with the heap, twice as long each time, and at its one address: room for the
// longest is reserved when the first is made. It never shrinks, so that a new one covers the old.

#include "view/stats_page.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/compiler.h"
#include "base/fmt.h"
#include "core/heapmap.h"
#include "core/size_class.h"
#include "os/os.h"
#include "os/os_page.h"
#include "policy/config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define SLOT_BYTES ((uint32_t)((sizeof(struct apex_stats_thread) + 127) & ~(size_t)127))
#define PROCESS_OFFSET ((uint32_t)sizeof(struct apex_stats_header))
#define CLASS_OFFSET (PROCESS_OFFSET + (uint32_t)sizeof(struct apex_stats_process))
#define THREAD_OFFSET ((CLASS_OFFSET + 8u * APEX_STATS_CLASSES + 127u) & ~127u)
#define SCHEMA_OFFSET (THREAD_OFFSET + APEX_STATS_SLOTS * SLOT_BYTES)

static const struct apex_stats_schema schema[] = {
#define STAT_ROW(section_, type, field, kind_, unit_) \
    {section_, offsetof(struct type, field), APEX_STAT_KIND_##kind_, 0, #field, #unit_},
#define APEX_STAT_KIND_counter APEX_STAT_COUNTER
#define APEX_STAT_KIND_gauge APEX_STAT_GAUGE
#define STAT_PROCESS(name, kind, unit, text) \
    STAT_ROW(APEX_SECTION_PROCESS, apex_stats_process, name, kind, unit)
#define STAT_THREAD(name, kind, unit, text) \
    STAT_ROW(APEX_SECTION_THREAD, apex_stats_thread, name, kind, unit)
#define STAT_NODE(name, kind, unit, text) \
    STAT_ROW(APEX_SECTION_NODE, apex_stats_node, name, kind, unit)
#include "tables/stats.def"
};

#define OPTION_ROW(field, key, type, min, max, initial, unit, when, text) +1
enum {
    OPTION_ROWS = 0
#define OPTION OPTION_ROW
#include "tables/options.def"
};

#define OPTION_OFFSET (SCHEMA_OFFSET + (uint32_t)sizeof schema)
#define NODE_OFFSET (OPTION_OFFSET + OPTION_ROWS * (uint32_t)sizeof(struct apex_stats_option))
#define NODE_STRIDE ((uint32_t)sizeof(struct apex_stats_node))
#define LARGE_OFFSET (NODE_OFFSET + APEX_STATS_NODES * NODE_STRIDE)
#define LARGE_STRIDE ((uint32_t)sizeof(struct apex_stats_large))
#define SUPERBLOCK_OFFSET ((LARGE_OFFSET + APEX_STATS_LARGE * LARGE_STRIDE + 63u) & ~63u)
#define SUPERBLOCK_STRIDE ((uint32_t)sizeof(struct apex_stats_superblock))

_Static_assert(CLASS_COUNT <= APEX_STATS_CLASSES, "every size class has its place in the page");
_Static_assert(SUPERBLOCK_OFFSET + APEX_STATS_SUPERBLOCKS_MIN * SUPERBLOCK_STRIDE <=
                   APEX_STATS_PAGE_BYTES,
               "the page holds all sections");

static char *page;          // where the page is, was or will be; set once
static size_t page_span;    // so much of it has been mapped or covered; only grows
static uint32_t generation; // odd while there is a page
static uint32_t rows_asked; // so many there are, if more than there was room for; atomic
static size_t page_limit = APEX_STATS_PAGE_BYTES_MAX; // no longer page is made; atomic

// Serves while no page has been made, and where the kernel cannot wipe on fork.
static struct stats_page_guard guard_kept = {.intact = 1, .due_ns = UINT64_MAX};
struct stats_page_guard *stats_page_guard = &guard_kept;

static size_t
stats_page_bytes_for(uint32_t superblocks)
{
    return bits_align_up(SUPERBLOCK_OFFSET + (size_t)superblocks * SUPERBLOCK_STRIDE,
                         os_page_bytes());
}

// The length of the next page: with rows for twice as many superblocks, again and again, until it
// has those that were asked for, or is as long as it may be.
static size_t
stats_page_bytes(void)
{
    uint32_t wanted = load_relaxed(&rows_asked);
    size_t bytes = stats_page_bytes_for(APEX_STATS_SUPERBLOCKS_MIN);

    for (uint32_t n = APEX_STATS_SUPERBLOCKS_MIN; n < wanted && bytes < page_limit; n *= 2) {
        bytes = stats_page_bytes_for(2 * n);
    }
    bytes = bytes < page_span ? page_span : bytes;
    return bytes > page_limit ? page_limit : bytes;
}

bool
stats_page_inherited(void)
{
    // Pairs with the release in stats_page_protect.
    return load_relaxed(&load_acquire(&stats_page_guard)->intact) == 0;
}

static char *
stats_page_writable(void)
{
    // Who sees the page open sees its address, and a child that inherited it does not see it open.
    return heapmap_page() == NULL ? NULL : page;
}

struct apex_stats_thread *
stats_page_slot(unsigned heap_index)
{
    char *p = stats_page_writable();
    unsigned slot = heap_index < APEX_STATS_SLOTS ? heap_index : APEX_STATS_SLOTS - 1;

    return p == NULL ? NULL
                     : (struct apex_stats_thread *)(void *)(p + THREAD_OFFSET + slot * SLOT_BYTES);
}

void
stats_page_ask(uint32_t row)
{
    if (row >= load_relaxed(&rows_asked)) {
        store_relaxed(&rows_asked, row + 1);
    }
    if (stats_page_outgrown()) {
        store_relaxed(&stats_page_guard->due_ns, UINT64_C(0));
    }
}

struct apex_stats_large *
stats_page_large(uint32_t row)
{
    char *p = stats_page_writable();

    return p == NULL || row >= APEX_STATS_LARGE
               ? NULL
               : (struct apex_stats_large *)(void *)(p + LARGE_OFFSET + row * LARGE_STRIDE);
}

bool
stats_page_outgrown(void)
{
    uint32_t have = load_relaxed(&stats_page_guard->sight.rows);

    return heapmap_page() != NULL && load_relaxed(&rows_asked) > have &&
           stats_page_bytes_for(have + 1) <= load_relaxed(&page_limit);
}

struct apex_stats_process *
stats_page_process(void)
{
    char *p = stats_page_writable();
    return p == NULL ? NULL : (struct apex_stats_process *)(void *)(p + PROCESS_OFFSET);
}

struct apex_stats_node *
stats_page_node(unsigned home)
{
    char *p = stats_page_writable();
    return p == NULL ? NULL
                     : (struct apex_stats_node *)(void *)(p + NODE_OFFSET + home * NODE_STRIDE);
}

unsigned
stats_page_generation(void)
{
    return load_relaxed(&generation);
}

void
stats_page_publish(uint64_t now_ns)
{
    char *p = stats_page_writable();

    if (p != NULL) {
        store_relaxed(&((struct apex_stats_header *)(void *)p)->published_ns, now_ns);
    }
}

static void
stats_page_section(struct apex_stats_header *h, uint32_t type, uint32_t count, size_t stride,
                   uint32_t offset)
{
    h->section[h->sections++] = (struct apex_stats_section){type, count, (uint32_t)stride, offset};
}

static void
stats_page_name(char *out, size_t capacity, const char *text)
{
    struct fmt f;

    fmt_init(&f, out, capacity);
    fmt_str(&f, text);
}

static void
stats_page_put_values(struct apex_stats_option *row)
{
    size_t count;
    const struct config_option *option = config_options(&count);
    const char *own = (const char *)config_own();
    const char *value = (const char *)config_get();

    for (size_t i = 0; i < count; i++) {
        if (option[i].type != CONFIG_PATH) {
            size_t at = option[i].offset_bytes;
            store_relaxed(&row[i].own, load_relaxed((const uint64_t *)(const void *)(own + at)));
            store_relaxed(&row[i].value,
                          load_relaxed((const uint64_t *)(const void *)(value + at)));
        }
    }
}

#define OPTION_TYPE_IS(type) \
    _Static_assert((int)CONFIG_##type == (int)APEX_OPTION_##type, "the page says " #type)
OPTION_TYPE_IS(BYTES);
OPTION_TYPE_IS(MS);
OPTION_TYPE_IS(PERCENT);
OPTION_TYPE_IS(BOOL);
OPTION_TYPE_IS(CHOICE);
OPTION_TYPE_IS(PATH);
OPTION_TYPE_IS(COUNT);
OPTION_TYPE_IS(NODE);

static void
stats_page_fill_options(struct apex_stats_option *row)
{
    size_t count;
    const struct config_option *option = config_options(&count);

    for (size_t i = 0; i < count; i++) {
        stats_page_name(row[i].key, sizeof row[i].key, option[i].key);
        stats_page_name(row[i].unit, sizeof row[i].unit, option[i].unit);
        row[i].type = option[i].type;
        row[i].live = option[i].when == CONFIG_LIVE;
        row[i].min = option[i].min;
        row[i].max = option[i].max;
        row[i].initial = option[i].initial;
    }
    stats_page_put_values(row);
}

void
stats_page_options(void)
{
    char *p = stats_page_writable();

    if (p != NULL) {
        stats_page_put_values((struct apex_stats_option *)(void *)(p + OPTION_OFFSET));
    }
}

// Fills in all that does not change. The page is fresh: what is not written here is zero.
static void
stats_page_fill(char *p, uint64_t now_ns, uint64_t nonce, uint32_t bytes)
{
    struct apex_stats_header *h = (struct apex_stats_header *)(void *)p;
    uint64_t *class_bytes = (uint64_t *)(void *)(p + CLASS_OFFSET);

    h->magic = APEX_STATS_MAGIC;
    h->major = APEX_STATS_MAJOR;
    h->minor = APEX_STATS_MINOR;
    h->header_bytes = sizeof *h;
    h->total_bytes = bytes;
    h->byte_order = APEX_STATS_BYTE_ORDER;
    h->nonce = nonce;
    h->state = APEX_STATS_INIT;
    h->pid = (uint32_t)getpid();
    h->start_ns = now_ns;
    store_relaxed(&h->published_ns, now_ns); // other threads may be at it already
    stats_page_name(h->comm, sizeof h->comm, program_invocation_short_name);
    stats_page_name(h->version, sizeof h->version, PACKAGE_VERSION);
    h->sections = 0;
    stats_page_section(h, APEX_SECTION_PROCESS, 1, sizeof(struct apex_stats_process),
                       PROCESS_OFFSET);
    stats_page_section(h, APEX_SECTION_CLASS_SIZE, APEX_STATS_CLASSES, 8, CLASS_OFFSET);
    stats_page_section(h, APEX_SECTION_THREAD, APEX_STATS_SLOTS, SLOT_BYTES, THREAD_OFFSET);
    stats_page_section(h, APEX_SECTION_SCHEMA, sizeof schema / sizeof schema[0], sizeof schema[0],
                       SCHEMA_OFFSET);
    stats_page_section(h, APEX_SECTION_OPTION, OPTION_ROWS, sizeof(struct apex_stats_option),
                       OPTION_OFFSET);
    stats_page_section(h, APEX_SECTION_NODE, APEX_STATS_NODES, NODE_STRIDE, NODE_OFFSET);
    stats_page_section(h, APEX_SECTION_LARGE, APEX_STATS_LARGE, LARGE_STRIDE, LARGE_OFFSET);
    stats_page_section(h, APEX_SECTION_SUPERBLOCK, (bytes - SUPERBLOCK_OFFSET) / SUPERBLOCK_STRIDE,
                       SUPERBLOCK_STRIDE, SUPERBLOCK_OFFSET);
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        class_bytes[i] = size_classes[i].chunk_bytes;
    }
    memcpy(p + SCHEMA_OFFSET, schema, sizeof schema);
    stats_page_fill_options((struct apex_stats_option *)(void *)(p + OPTION_OFFSET));
}

// Sees to it that a child of this process will find out that the page is not its own.
static void
stats_page_protect(void)
{
    void *wiped;

    if (stats_page_guard == &guard_kept && os_page_sentinel(&wiped) == 0) {
        *(struct stats_page_guard *)wiped = guard_kept;
        // Pairs with the acquire in stats_page_inherited and attach_poll.
        store_release(&stats_page_guard, (struct stats_page_guard *)wiped);
    }
    // Pairs with the acquire in heapmap_page.
    store_release(&heapmap_sight, &stats_page_guard->sight);
    store_relaxed(&stats_page_guard->intact, 1);
}

// One address for all pages, with room for the longest. Under a tight limit of address space there
// is room for the shortest only.
static int
stats_page_reserve(void)
{
    void *at = NULL;
    int error = page != NULL ? 0 : os_reserve(APEX_STATS_PAGE_BYTES_MAX, os_page_bytes(), 0, &at);

    if (error != 0) {
        store_relaxed(&page_limit, stats_page_bytes_for(APEX_STATS_SUPERBLOCKS_MIN));
        error = os_reserve(page_limit, os_page_bytes(), 0, &at);
    }
    if (error == 0 && page == NULL) {
        page = at; // once: other threads read it
    }
    return error;
}

int
stats_page_open(uint64_t now_ns, int *fd, uint64_t *nonce, uint32_t *bytes)
{
    void *mapped = NULL;
    int error = stats_page_reserve();

    if (error != 0) {
        return error;
    }
    *bytes = (uint32_t)stats_page_bytes();
    os_random(nonce, sizeof *nonce);
    page_span = *bytes > page_span ? *bytes : page_span;
    error = os_page_make("apex-stats", *bytes, page, &mapped, fd);
    if (error != 0) {
        stats_page_drop();
        return error;
    }
    stats_page_fill(page, now_ns, *nonce, *bytes);
    stats_page_protect();
    struct heapmap_sight *sight = &stats_page_guard->sight;
    store_relaxed(&sight->rows, (*bytes - SUPERBLOCK_OFFSET) / SUPERBLOCK_STRIDE);
    store_relaxed(&generation, (generation | 1) + (generation & 1) * 2);
    // Pairs with the acquire in heapmap_page.
    store_release(&sight->superblock,
                  (struct apex_stats_superblock *)(void *)(page + SUPERBLOCK_OFFSET));
    return 0;
}

void
stats_page_ready(void)
{
    struct apex_stats_header *h = (struct apex_stats_header *)(void *)page;

    // Pairs with the acquire of the daemon (apexd/page_map.c).
    store_release(&h->state, APEX_STATS_READY);
}

void
stats_page_drop(void)
{
    store_relaxed(&stats_page_guard->sight.superblock, (struct apex_stats_superblock *)NULL);
    if ((generation & 1) != 0) {
        store_relaxed(&generation, generation + 1);
    }
    // Refused only for want of memory or mappings. In a child the page then stays its parent's,
    // and what keeps us from writing to it is that it is not in sight.
    if (page_span != 0) {
        (void)os_page_discard(page, page_span);
    }
    store_relaxed(&stats_page_guard->intact, 1);
}

bool
stats_page_refuse(void)
{
    size_t least = stats_page_bytes_for(APEX_STATS_SUPERBLOCKS_MIN);
    size_t bytes = stats_page_bytes();
    size_t half = bits_align_up(bytes / 2, os_page_bytes());

    if (bytes > least) {
        store_relaxed(&page_limit, half < least ? least : half);
    }
    return bytes > least;
}
