// SPDX-License-Identifier: MIT
//
// Sums over blocks and counters, and what follows from them; see frag.h. Sums are of at most 2^16
// rows times 4 MiB, and of counters that may be lies, which are clamped.

#include "apexd/frag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Advice is given for what is at least this much, and this share of what the process holds.
#define ADVICE_BYTES_MIN (UINT64_C(1) << 20)
#define ADVICE_SHARE 20

#define COUNTER_MAX (UINT64_C(1) << 56) // more is a lie

static uint64_t
frag_clamp(uint64_t value)
{
    return value < COUNTER_MAX ? value : COUNTER_MAX;
}

// How many blocks belong to the run that begins at `first`.
static unsigned
frag_run(const struct apex_stats_superblock *sb, unsigned first)
{
    unsigned end = first + 1;

    while (end < APEX_STATS_SUPERBLOCK_BLOCKS && sb->block[end].state == APEX_BLOCK_TAIL) {
        end++;
    }
    return end - first;
}

static void
frag_add_used(struct frag *frag, const struct apex_stats_block *b, unsigned blocks)
{
    struct frag_class *c = &frag->class[b->class < frag->class_count ? b->class : 0];
    uint64_t bytes = (uint64_t)blocks * APEX_STATS_BLOCK_BYTES;
    uint64_t capacity = c->size_bytes == 0 ? 0 : bytes / c->size_bytes;
    uint64_t live = b->fill * capacity / 255;

    c->blocks += blocks;
    if (b->state == APEX_BLOCK_IDLE) {
        c->idle_bytes += bytes;
        return;
    }
    c->live += live;
    c->capacity += capacity;
    c->loss_bytes += bytes - capacity * c->size_bytes;
    if (b->owner == APEX_OWNER_ORPHAN) {
        frag->orphan_free_bytes += (capacity - live) * c->size_bytes;
    }
}

static void
frag_add_superblock(struct frag *frag, const struct apex_stats_superblock *sb)
{
    unsigned blocks;

    for (unsigned i = 1; i < APEX_STATS_SUPERBLOCK_BLOCKS; i += blocks) {
        const struct apex_stats_block *b = &sb->block[i];
        blocks = 1;
        switch (b->state) {
        case APEX_BLOCK_NONE:
        case APEX_BLOCK_HEADER:
        case APEX_BLOCK_TAIL: // of a run whose head was taken away while we copied
            break;
        case APEX_BLOCK_CLEAN:
            frag->clean_bytes += APEX_STATS_BLOCK_BYTES;
            break;
        case APEX_BLOCK_DIRTY:
            frag->dirty_bytes += APEX_STATS_BLOCK_BYTES;
            break;
        case APEX_BLOCK_TAKEN:
            blocks = frag_run(sb, i);
            frag->taken_bytes += (uint64_t)blocks * APEX_STATS_BLOCK_BYTES;
            break;
        default:
            blocks = frag_run(sb, i);
            frag_add_used(frag, b, blocks);
            break;
        }
    }
}

// The counters know better than the words of blocks, whose fill may be a quarter off; but they
// count superblocks that the map leaves out as well.
static void
frag_count_live(struct frag_class *c, const struct page_class *counted)
{
    uint64_t gained = frag_clamp(counted->gained);
    uint64_t lost = frag_clamp(counted->lost);
    uint64_t live = gained > lost ? gained - lost : 0;

    c->live = live < c->capacity ? live : c->capacity;
}

static void
frag_finish_classes(struct frag *frag)
{
    uint64_t smaller = 0;
    struct frag_class *sum = &frag->sum;

    for (unsigned i = 0; i < frag->class_count; i++) {
        struct frag_class *c = &frag->class[i];
        uint64_t lost = c->size_bytes > smaller ? c->size_bytes - smaller - 1 : 0;
        c->live_bytes = c->live * c->size_bytes;
        c->free_bytes = (c->capacity - c->live) * c->size_bytes;
        c->internal_bytes_max = c->live * lost;
        c->internal_bytes = c->internal_bytes_max / 2;
        smaller = c->size_bytes;
        sum->blocks += c->blocks;
        sum->live += c->live;
        sum->live_bytes += c->live_bytes;
        sum->internal_bytes += c->internal_bytes;
        sum->internal_bytes_max += c->internal_bytes_max;
        sum->free_bytes += c->free_bytes;
        sum->loss_bytes += c->loss_bytes;
        sum->idle_bytes += c->idle_bytes;
    }
}

// --- Advice --------------------------------------------------------------------------------------

// Where to write the next advice; NULL when it is not worth a word.
static struct frag_advice *
frag_advise(struct frag *frag, const char *kind, uint64_t saves_bytes, const char *option)
{
    if (saves_bytes < ADVICE_BYTES_MIN || saves_bytes < frag->held_bytes / ADVICE_SHARE ||
        frag->advice_count == FRAG_ADVICE_MAX) {
        return NULL;
    }
    struct frag_advice *advice = &frag->advice[frag->advice_count++];
    advice->kind = kind;
    advice->saves_bytes = saves_bytes;
    advice->option = option;
    return advice;
}

static double
frag_mib(uint64_t bytes)
{
    return (double)bytes / (double)(1 << 20);
}

static void
frag_advise_free_memory(struct frag *frag)
{
    struct frag_advice *a = frag_advise(frag, "dirty", frag->dirty_bytes, "dirty_ratio=5");

    if (a != NULL) {
        snprintf(a->text, sizeof a->text,
                 "%.1f MiB of free blocks may still have their pages. A lower dirty_ratio or "
                 "dirty_floor gives them back while the program frees, a lower decay_ms after a "
                 "shorter time; each costs page faults when the memory is needed again.",
                 frag_mib(frag->dirty_bytes));
    }
    a = frag_advise(frag, "large_cache", frag->large_cached_bytes, "retain=8m");
    if (a != NULL) {
        snprintf(a->text, sizeof a->text,
                 "%.1f MiB of freed large objects are kept with their pages for the next "
                 "requests. The option retain bounds that; a lower one costs page faults for each "
                 "large object.",
                 frag_mib(frag->large_cached_bytes));
    }
    a = frag_advise(frag, "idle", frag->sum.idle_bytes, NULL);
    if (a != NULL) {
        snprintf(a->text, sizeof a->text,
                 "%.1f MiB of empty blocks are kept by threads for their next need: an eighth of "
                 "what each owns, or its part of 16 MiB for all. Threads that end give them back; "
                 "malloc_trim() in the program does so for the thread that calls it.",
                 frag_mib(frag->sum.idle_bytes));
    }
}

static void
frag_advise_blocks(struct frag *frag)
{
    const struct frag_class *worst = &frag->class[0];
    struct frag_advice *a = frag_advise(frag, "external", frag->sum.free_bytes, NULL);

    for (unsigned i = 0; i < frag->class_count; i++) {
        worst = frag->class[i].free_bytes > worst->free_bytes ? &frag->class[i] : worst;
    }
    if (a != NULL) {
        snprintf(a->text, sizeof a->text,
                 "%.1f MiB are free chunks in blocks that hold other objects, most in the class of "
                 "%" PRIu64 " bytes (%.1f MiB). They serve requests of their class only. No option "
                 "moves objects: fewer threads, or objects of like lifetime allocated together, "
                 "would empty blocks.",
                 frag_mib(frag->sum.free_bytes), worst->size_bytes, frag_mib(worst->free_bytes));
    }
    a = frag_advise(frag, "orphans", frag->orphan_free_bytes, NULL);
    if (a != NULL) {
        snprintf(a->text, sizeof a->text,
                 "%.1f MiB of them are in blocks of threads that have exited. They are used again "
                 "as soon as a thread needs their class; a pool of threads that live on avoids "
                 "them.",
                 frag_mib(frag->orphan_free_bytes));
    }
    a = frag_advise(frag, "internal", frag->sum.internal_bytes, NULL);
    if (a != NULL) {
        snprintf(a->text, sizeof a->text,
                 "About %.1f MiB of live chunks were not asked for, if all sizes are as frequent; "
                 "%.1f MiB at most. Sizes just below a class waste least: malloc_usable_size() "
                 "tells what a request is given.",
                 frag_mib(frag->sum.internal_bytes), frag_mib(frag->sum.internal_bytes_max));
    }
}

// --- All of it -----------------------------------------------------------------------------------

static void
frag_add_rows(struct frag *frag, const struct page_map *map)
{
    struct apex_stats_superblock sb;
    struct apex_stats_large large;
    uint64_t rows = 0;

    for (uint32_t row = 0; row < map->superblock.count; row++) {
        if (page_map_superblock(map, row, &sb)) {
            frag_add_superblock(frag, &sb);
            rows++;
        }
    }
    for (uint32_t row = 0; row < map->large.count; row++) {
        if (page_map_large(map, row, &large) && large.state == APEX_LARGE_CACHED) {
            frag->large_cached_bytes += frag_clamp(large.bytes);
        }
    }
    frag->superblocks_hidden =
        frag->superblocks_hidden > rows ? frag->superblocks_hidden - rows : 0;
}

void
frag_compute(struct frag *frag, const struct page_map *map, const struct page_snapshot *s)
{
    memset(frag, 0, sizeof *frag);
    frag->class_count = s->class_count;
    for (unsigned i = 0; i < s->class_count; i++) {
        frag->class[i].size_bytes = frag_clamp(s->class[i].size_bytes);
    }
    frag->large_bytes = frag_clamp(page_map_value(map, s, "large"));
    frag->metadata_bytes = frag_clamp(page_map_value(map, s, "metadata"));
    frag->retained_bytes = frag_clamp(page_map_value(map, s, "retained"));
    frag->superblocks_hidden = page_map_value(map, s, "superblocks");
    frag_add_rows(frag, map);
    for (unsigned i = 0; i < s->class_count && frag->superblocks_hidden == 0; i++) {
        frag_count_live(&frag->class[i], &s->class[i]);
    }
    frag_finish_classes(frag);
    frag->held_bytes = frag->sum.blocks * APEX_STATS_BLOCK_BYTES + frag->large_bytes +
                       frag->large_cached_bytes + frag->dirty_bytes + frag->taken_bytes +
                       frag->metadata_bytes;
    frag_advise_free_memory(frag);
    frag_advise_blocks(frag);
}
