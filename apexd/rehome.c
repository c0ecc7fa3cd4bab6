// SPDX-License-Identifier: MIT
//
// Moves pages of others; see rehome.h. A step first asks where its pages are, then moves those that
// are elsewhere: to move what is in place already would cost as much.

#include "apexd/rehome.h"

#include "apexd/reply.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

struct step {
    unsigned count;
    uint32_t target; // of all of them
    void *page[REHOME_STEP_PAGES];
    int node[REHOME_STEP_PAGES];
    int status[REHOME_STEP_PAGES];
};

void
rehome_begin(struct rehome *work, uint32_t target)
{
    *work = (struct rehome){
        .on = true,
        .target = target,
        .pages = work->pages != 0 ? work->pages : REHOME_STEP_PAGES_MIN,
        .moved = work->moved,
        .refused = work->refused,
    };
}

// --- Which pages ---------------------------------------------------------------------------------

// Takes pages from `base + work->offset` up to `end`, both offsets. False when the step is full.
static bool
rehome_take(struct rehome *work, struct step *step, uint64_t base, uint64_t end)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

    while (work->offset < end && step->count < work->pages &&
           step->count * page_bytes < REHOME_STEP_BYTES) {
        step->page[step->count++] = (void *)(uintptr_t)(base + work->offset);
        work->offset += page_bytes;
    }
    return work->offset >= end;
}

static void
rehome_next(struct rehome *work)
{
    work->row++;
    work->offset = 0;
}

// False when the step is full before the superblock is.
static bool
rehome_take_superblock(struct rehome *work, struct step *step,
                       const struct apex_stats_superblock *sb)
{
    for (uint64_t n = work->offset / APEX_STATS_BLOCK_BYTES; n < APEX_STATS_SUPERBLOCK_BLOCKS;
         n++) {
        uint64_t end = (n + 1) * APEX_STATS_BLOCK_BYTES;
        uint8_t state = sb->block[n].state;
        if (state == APEX_BLOCK_NONE || state == APEX_BLOCK_CLEAN) {
            work->offset = end; // no pages, or none worth it
        } else if (!rehome_take(work, step, sb->base, end)) {
            return false;
        }
    }
    return true;
}

// The pages of one row, all of which have the same target. False when there are no more rows.
static bool
rehome_take_row(struct rehome *work, struct step *step, const struct page_map *map)
{
    struct apex_stats_superblock sb;
    struct apex_stats_large large;
    bool done = true;

    if (work->row < map->superblock.count) {
        if (page_map_superblock(map, work->row, &sb) &&
            page_map_is_span(sb.base, PAGE_MAP_SUPERBLOCK_BYTES)) {
            step->target = work->target == REHOME_HOME ? sb.node : work->target;
            done = rehome_take_superblock(work, step, &sb);
        }
    } else if (work->target != REHOME_HOME &&
               work->row - map->superblock.count < map->large.count) {
        step->target = work->target;
        if (page_map_large(map, work->row - map->superblock.count, &large) &&
            large.state == APEX_LARGE_LIVE && page_map_is_span(large.base, large.bytes)) {
            done = rehome_take(work, step, large.base, large.bytes);
        }
    } else {
        return false;
    }
    if (done) {
        rehome_next(work);
    }
    return true;
}

// --- Moving them ---------------------------------------------------------------------------------

static bool
rehome_call(struct rehome *work, struct step *step, pid_t pid, const int *node)
{
    if (syscall(SYS_move_pages, pid, (unsigned long)step->count, step->page, node, step->status,
                node == NULL ? 0 : MPOL_MF_MOVE) < 0) {
        work->error = errno;
        return false;
    }
    return true;
}

// Keeps those that are in memory and on another node than their target.
static void
rehome_sift(struct step *step)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < step->count; i++) {
        if (step->status[i] >= 0 && (uint32_t)step->status[i] != step->target) {
            step->page[kept] = step->page[i];
            step->node[kept++] = (int)step->target;
        }
    }
    step->count = kept;
}

static bool
rehome_move(struct rehome *work, struct step *step, pid_t pid)
{
    if (step->target > INT32_MAX) {
        return true; // a superblock that has no home
    }
    if (step->count != 0 && !rehome_call(work, step, pid, NULL)) {
        return false;
    }
    rehome_sift(step);
    if (step->count != 0 && !rehome_call(work, step, pid, step->node)) {
        return false;
    }
    for (unsigned i = 0; i < step->count; i++) {
        bool moved = step->status[i] >= 0 && (uint32_t)step->status[i] == step->target;
        *(moved ? &work->moved : &work->refused) += 1;
    }
    return true;
}

// Others wait for the daemon meanwhile.
static void
rehome_pace(struct rehome *work, uint64_t took_ns)
{
    if (took_ns > REHOME_STEP_NS && work->pages > REHOME_STEP_PAGES_MIN) {
        work->pages /= 2;
    } else if (took_ns < REHOME_STEP_NS / 4 && work->pages < REHOME_STEP_PAGES) {
        work->pages *= 2;
    }
}

bool
rehome_step(struct rehome *work, const struct client *client)
{
    static struct step step;

    // It has exited, and will leave the roster; or it is changing its page, and comes back.
    if (!client_alive(client)) {
        return true;
    }
    step.count = 0;
    while (step.count == 0) {
        if (!rehome_take_row(work, &step, &client->map)) {
            work->on = false;
            return false;
        }
    }
    uint64_t begin_ns = reply_now_ns(CLOCK_MONOTONIC);
    work->on = rehome_move(work, &step, client->peer.pid);
    rehome_pace(work, reply_now_ns(CLOCK_MONOTONIC) - begin_ns);
    return work->on;
}
