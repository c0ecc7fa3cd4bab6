// SPDX-License-Identifier: MIT
//
// Sweeps idle processes, and has processes keep less where memory is short; see act.h.

#include "apexd/act.h"

#include "apexd/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define RANGES_MAX 512 // in one call

struct ranges {
    struct client *client;
    unsigned count;
    int error; // of the first call that was refused
    struct iovec range[RANGES_MAX];
};

void
act_init(struct act *act, bool enabled, const char *pressure_path)
{
    *act = (struct act){.enabled = enabled};
    shortage_init(&act->shortage, pressure_path);
}

// --- Sweeping ------------------------------------------------------------------------------------

static void
act_flush(struct ranges *r)
{
    if (r->count > 0 && r->error == 0 &&
        syscall(SYS_process_madvise, r->client->peer.pidfd, r->range, (size_t)r->count,
                MADV_PAGEOUT, 0u) < 0) {
        r->error = errno;
    }
    r->count = 0;
}

// Ranges that follow on each other become one.
static void
act_add(struct ranges *r, uint64_t base, uint64_t bytes)
{
    struct iovec *last = r->count == 0 ? NULL : &r->range[r->count - 1];

    if (last != NULL && (uint64_t)(uintptr_t)last->iov_base + last->iov_len == base) {
        last->iov_len += bytes;
        return;
    }
    if (r->count == RANGES_MAX) {
        act_flush(r);
    }
    r->range[r->count++] = (struct iovec){(void *)(uintptr_t)base, bytes};
}

static void
act_collect(struct ranges *r)
{
    const struct page_map *map = &r->client->map;
    struct apex_stats_superblock sb;
    struct apex_stats_large large;

    for (uint32_t i = 0; i < map->superblock.count; i++) {
        bool used = page_map_superblock(map, i, &sb) &&
                    page_map_is_span(sb.base, PAGE_MAP_SUPERBLOCK_BYTES);
        for (unsigned n = 1; used && n < APEX_STATS_SUPERBLOCK_BLOCKS; n++) {
            if (sb.block[n].state == APEX_BLOCK_DIRTY) {
                act_add(r, sb.base + (uint64_t)n * APEX_STATS_BLOCK_BYTES, APEX_STATS_BLOCK_BYTES);
            }
        }
    }
    for (uint32_t i = 0; i < map->large.count; i++) {
        if (page_map_large(map, i, &large) && large.state == APEX_LARGE_CACHED &&
            page_map_is_span(large.base, large.bytes)) {
            act_add(r, large.base, large.bytes);
        }
    }
    page_map_rest(map);
    act_flush(r);
}

static void
act_sweep(struct act *act, struct roster *roster, struct client *client)
{
    struct ranges ranges = {.client = client};
    uint64_t before = client_rss_bytes(client);

    act_collect(&ranges);
    uint64_t after = client_rss_bytes(client);
    uint64_t bytes = before > after ? before - after : 0;
    roster->sweeps_total++;
    roster->swept_bytes_total += bytes;
    if (ranges.error == EPERM && !act->denied) {
        act->denied = true;
        log_event(LOG_LEVEL_WARNING,
                  "may not take memory from process %d: that needs CAP_SYS_NICE and "
                  "CAP_SYS_PTRACE; said once",
                  (int)client->peer.pid);
    }
    log_event(LOG_LEVEL_INFO, "took %" PRIu64 " KiB from process %d, which is idle", bytes >> 10,
              (int)client->peer.pid);
}

static bool
act_has_swap(void)
{
    struct sysinfo info;
    return sysinfo(&info) != 0 || info.totalswap != 0;
}

// Changes with everything that the page says of the process.
static uint64_t
act_stamp(struct client *client, uint64_t now_ns)
{
    const struct page_snapshot *s = client_snapshot(client, now_ns);
    uint64_t stamp = s->published_ns;

    for (unsigned i = 0; i < client->map.field_count; i++) {
        stamp = stamp * 31 + s->value[i];
    }
    return stamp;
}

static void
act_look(struct act *act, struct roster *roster, struct client *client, bool pressed,
         uint64_t now_ns)
{
    struct client_watch *watch = &client->watch;
    uint64_t stamp = act_stamp(client, now_ns);
    uint64_t idle_ns = pressed ? ACT_IDLE_PRESSED_NS : ACT_IDLE_NS;

    if (watch->since_ns == 0 || stamp != watch->stamp) {
        watch->stamp = stamp;
        watch->since_ns = now_ns;
        watch->swept = false;
    } else if (!watch->swept && now_ns - watch->since_ns >= idle_ns &&
               (pressed || !act_has_swap())) {
        watch->swept = true;
        act_sweep(act, roster, client);
    }
}

// --- Pressure ------------------------------------------------------------------------------------

// Advises less than the process would use without, never more.
static void
act_lower(struct client *client, const struct page_option *option, unsigned options,
          const char *key, uint64_t value)
{
    const struct page_option *o = tune_option(option, options, key);
    const struct tune_value *said = tune_find(&client->tune, key);

    if (o != NULL && o->live && (said != NULL ? said->value : o->own) > value) {
        tune_set(&client->tune, TUNE_PRESSURE, key, value);
    }
}

// With each beat anew: while it lasts, the process or somebody else may change their mind.
static void
act_advise(struct client *client, bool pressed)
{
    struct page_option option[PAGE_MAP_OPTIONS_MAX];
    struct tune before = client->tune;

    tune_clear(&client->tune, TUNE_PRESSURE, NULL);
    if (pressed) {
        unsigned options = page_map_options(&client->map, option);
        act_lower(client, option, options, "decay_ms", ACT_DECAY_MS);
        act_lower(client, option, options, "dirty_floor", ACT_FLOOR_BYTES);
    }
    if (client->tune.count != before.count ||
        memcmp(client->tune.value, before.value, before.count * sizeof before.value[0]) != 0) {
        tune_advise(&client->tune, &client->advice);
    }
}

static void
act_tighten(struct client *client, bool pressed)
{
    bool begins_or_ends = pressed != client->watch.tightened;

    if (pressed || begins_or_ends) {
        act_advise(client, pressed);
    }
    client->watch.tightened = pressed;
    if (begins_or_ends) {
        log_event(LOG_LEVEL_INFO, "process %d: %s", (int)client->peer.pid,
                  pressed ? "memory is short, keeps less" : "keeps what it wants again");
    }
}

static void
act_on(struct act *act, struct roster *roster, struct client *client, uint64_t now_ns)
{
    char group[CLIENT_TEXT_BYTES];

    if (client_cgroup(client, group) && shortage_of_group(&act->shortage, group)) {
        client->watch.pressed_until_ns = now_ns + ACT_HOLD_NS;
    }
    bool pressed = now_ns < act->pressed_until_ns || now_ns < client->watch.pressed_until_ns;
    act_tighten(client, pressed);
    act_look(act, roster, client, pressed, now_ns);
}

static void
act_on_all(struct act *act, struct roster *roster, bool told, uint64_t now_ns)
{
    if (!act->enabled) {
        return;
    }
    if (shortage_of_machine(&act->shortage, told, now_ns)) {
        act->pressed_until_ns = now_ns + ACT_HOLD_NS;
    }
    for (size_t i = 0; i < roster->count && i < ACT_LOOKS_MAX; i++) {
        act->next = act->next + 1 < roster->count ? act->next + 1 : 0;
        act_on(act, roster, roster->client[act->next], now_ns);
    }
}

void
act_press(struct act *act, struct roster *roster, uint64_t now_ns)
{
    act_on_all(act, roster, true, now_ns);
}

void
act_beat(struct act *act, struct roster *roster, uint64_t now_ns)
{
    act_on_all(act, roster, false, now_ns);
}
