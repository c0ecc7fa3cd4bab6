// SPDX-License-Identifier: MIT
//
// Processes of the daemon before; see restore.h.

#include "apexd/restore.h"

#include "apexd/fdstore.h"
#include "apexd/log.h"
#include "apexd/reply.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

struct restore_fd {
    uint32_t id;
    int fd;
};

// What was kept under one number; -1: nothing.
struct restore_set {
    uint32_t id;
    int page;
    int advice;
    int profile;
};

// Only our own page can be written, and only a profile says that it is one.
static int *
restore_place(struct restore_set *set, int fd)
{
    uint64_t magic = 0;

    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR) {
        return &set->advice;
    }
    bool known = pread(fd, &magic, sizeof magic, 0) == (ssize_t)sizeof magic;
    return known && magic == APEX_PROFILE_MAGIC ? &set->profile : &set->page;
}

static void
restore_profile(struct client *client, int fd)
{
    struct apex_profile_header header;
    struct profile_map map;

    // It belongs to its process by the name under which it was kept; its own number says nothing.
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header) {
        close(fd);
    } else if (profile_map_open(&map, fd, header.nonce) == APEX_HELLO_ACCEPTED) {
        profile_map_kept(&map);
        client->profile = map;
    }
}

// Takes over all descriptors of the set. False when the process is not taken back.
static bool
restore_one(struct roster *roster, struct restore_set *set, uint64_t now_ns)
{
    struct client_peer peer;
    struct page_map map;
    struct advice advice;

    bool open = advice_reopen(&advice, set->advice, roster->daemon);
    set->advice = -1;
    if (!open) {
        return false;
    }
    if (advice.record->tries++ >= RESTORE_TRIES_MAX || !client_remembered(&advice, &peer)) {
        advice_close(&advice);
        return false;
    }
    // This is the file as the daemon before us had opened it. If that was killed while it looked
    // whether the process still holds its lock, it holds one itself.
    (void)flock(set->page, LOCK_UN);
    enum apex_hello_status status =
        roster_open_page(roster, &peer, set->page, advice.page->nonce, &map);
    set->page = -1;
    if (status != APEX_HELLO_ACCEPTED) {
        advice_close(&advice);
        close(peer.pidfd);
        return false;
    }
    struct client *client = client_resume(&peer, &map, &advice, now_ns);
    if (client == NULL) {
        return false;
    }
    client->kept = set->id;
    if (set->profile >= 0) {
        restore_profile(client, set->profile);
        set->profile = -1;
    }
    roster_add(roster, client);
    return true;
}

static void
restore_close(const struct restore_set *set)
{
    const int fds[] = {set->page, set->advice, set->profile};

    for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static int
restore_compare(const void *a, const void *b)
{
    const struct restore_fd *x = a;
    const struct restore_fd *y = b;

    return x->id < y->id ? -1 : x->id > y->id ? 1 : x->fd - y->fd;
}

// All that was kept, sorted by number; the caller's. When memory is short, fewer.
static struct restore_fd *
restore_gather(size_t *count)
{
    struct restore_fd *found = NULL;
    size_t room = 0;
    uint32_t id;

    *count = 0;
    for (int fd = fdstore_take(&id); fd >= 0; fd = fdstore_take(&id)) {
        if (*count == room) {
            size_t more = room == 0 ? 64 : 2 * room;
            struct restore_fd *grown = realloc(found, more * sizeof *found);
            if (grown == NULL) {
                close(fd);
                continue;
            }
            found = grown;
            room = more;
        }
        found[(*count)++] = (struct restore_fd){id, fd};
    }
    if (*count > 0) {
        qsort(found, *count, sizeof *found, restore_compare);
    }
    return found;
}

size_t
restore_all(struct roster *roster)
{
    size_t count;
    size_t done = 0;
    size_t lost = 0;
    struct restore_fd *found = restore_gather(&count);
    uint64_t registered = roster->registered_total;

    for (size_t i = 0; i < count;) {
        struct restore_set set = {found[i].id, -1, -1, -1};
        for (; i < count && found[i].id == set.id; i++) {
            int *place = restore_place(&set, found[i].fd);
            if (*place >= 0) {
                close(*place);
            }
            *place = found[i].fd;
        }
        if (set.page >= 0 && set.advice >= 0 &&
            restore_one(roster, &set, reply_now_ns(CLOCK_MONOTONIC))) {
            done++;
        } else {
            restore_close(&set);
            fdstore_drop(set.id);
            lost++;
        }
    }
    free(found);
    roster->registered_total = registered;
    if (count > 0) {
        log_event(LOG_LEVEL_INFO, "took %zu processes back, %zu were gone", done, lost);
    }
    return done;
}
