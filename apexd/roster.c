// SPDX-License-Identifier: MIT
//
// The set of registered processes; see roster.h. An array: it is walked as a whole far more
// often than searched, and 4096 entries are few.

#include "apexd/roster.h"

#include "apexd/notify.h"
#include "apexd/reply.h"
#include "apexd/trust.h"

#include <string.h>
#include <unistd.h>

#define FDS_OF_A_CLIENT 2u // pidfd and page
#define LOOK_BETWEEN 8    // processes between two looks at the clock
#define LOOK_LEFT_NS UINT64_C(1000000000) // without a step: nobody goes on with it

// With more than so many processes their pages are not kept in our page tables between two looks:
// they would count as memory of ours, a quarter of a mebibyte each.
#define KEPT_MAX 64

void
roster_init(struct roster *roster, uint64_t daemon, size_t fd_limit)
{
    size_t most = fd_limit - fd_limit / 4;
    size_t ours = most < ROSTER_OURS_MAX ? most : ROSTER_OURS_MAX;
    size_t room = (fd_limit - ours) / (FDS_OF_A_CLIENT + (notify_wanted() ? 1 : 0));

    memset(roster, 0, sizeof *roster);
    ledger_init(&roster->ledger);
    roster->daemon = daemon;
    roster->began_ns = reply_now_ns(CLOCK_MONOTONIC);
    roster->capacity = room < ROSTER_CLIENTS_MAX ? room : ROSTER_CLIENTS_MAX;
}

// Where a process is; roster->count when it is not there.
static size_t
roster_place(const struct roster *roster, pid_t pid)
{
    size_t i = 0;

    while (i < roster->count && roster->pid[i] != pid) {
        i++;
    }
    return i;
}

struct client *
roster_find(const struct roster *roster, pid_t pid)
{
    size_t at = roster_place(roster, pid);

    return at == roster->count ? NULL : roster->client[at];
}

enum apex_hello_status
roster_open_page(const struct roster *roster, const struct client_peer *peer, int fd,
                 uint64_t nonce, struct page_map *map)
{
    if (!roster_has_room(roster, peer)) {
        close(fd);
        return APEX_HELLO_OVER_QUOTA;
    }
    enum apex_hello_status status = page_map_open(map, fd, nonce);
    if (status == APEX_HELLO_ACCEPTED && !roster_has_room_for_page(roster, peer, map->bytes)) {
        page_map_close(map);
        status = APEX_HELLO_OVER_QUOTA;
    }
    return status;
}

bool
roster_has_room_for_page(const struct roster *roster, const struct client_peer *peer, size_t bytes)
{
    size_t of_uid = bytes;

    for (size_t i = 0; i < roster->count; i++) {
        const struct client *client = roster->client[i];
        // An older page of the same process will go.
        if (client->peer.uid == peer->uid && client->peer.pid != peer->pid) {
            of_uid += client->map.bytes;
        }
    }
    return trust_uid(peer->uid) || of_uid <= ROSTER_PAGE_BYTES_OF_UID_MAX;
}

bool
roster_has_room(const struct roster *roster, const struct client_peer *peer)
{
    size_t of_uid = 0;

    if (roster_find(roster, peer->pid) != NULL) {
        return true; // it will take the place of its older entry
    }
    for (size_t i = 0; i < roster->count; i++) {
        of_uid += roster->uid[i] == peer->uid ? 1 : 0;
    }
    return roster->count < roster->capacity &&
           (trust_uid(peer->uid) || of_uid < ROSTER_CLIENTS_OF_UID_MAX);
}

static void
roster_remove(struct roster *roster, size_t index)
{
    struct client *client = roster->client[index];

    ledger_leave(&roster->ledger, &client->place, &client->map,
                 client_snapshot_now(client, client->snapshot_ns));
    client_free(client);
    roster->count--;
    roster->sweep_next -= index < roster->sweep_next ? 1 : 0;
    roster->look_next -= index < roster->look_next ? 1 : 0;
    size_t after = roster->count - index;
    memmove(&roster->client[index], &roster->client[index + 1], after * sizeof roster->client[0]);
    memmove(&roster->pid[index], &roster->pid[index + 1], after * sizeof roster->pid[0]);
    memmove(&roster->uid[index], &roster->uid[index + 1], after * sizeof roster->uid[0]);
}

void
roster_add(struct roster *roster, struct client *client)
{
    struct ledger_key key;
    size_t place = roster_place(roster, client->peer.pid);

    if (place < roster->count) {
        struct client *older = roster->client[place];
        if (older->start_ticks == client->start_ticks &&
            memcmp(older->map.comm, client->map.comm, sizeof client->map.comm) == 0) {
            client->tune = older->tune;
            client->watch = older->watch; // who wants what in it, and until when
            client->advisor = older->advisor;
            older->advisor = NULL;
            // The process takes the new page in the place of the old one: it says the same.
            tune_advise_shares(&client->tune, &client->advice, older->advice.page->weight,
                               older->advice.page->weights);
        }
        bool kept = older->kept != 0;
        roster_remove(roster, place);
        if (kept) {
            (void)client_keep(client);
        }
    }
    rules_apply(&roster->rules, client);
    client_key(client, &key);
    ledger_enter(&roster->ledger, &key, &client->map, &client->place);
    roster->pid[roster->count] = client->peer.pid;
    roster->uid[roster->count] = client->peer.uid;
    roster->client[roster->count++] = client;
    roster->registered_total++;
    if (roster->count > KEPT_MAX) {
        page_map_rest(&client->map);
    }
}

size_t
roster_sweep(struct roster *roster, uint64_t now_ns)
{
    size_t before = roster->count;

    if (roster->swept_ns != 0 && now_ns - roster->swept_ns < ROSTER_SWEEP_NS) {
        return 0;
    }
    roster->swept_ns = now_ns;
    for (size_t looked = 0; looked < before && looked < ROSTER_SWEEP_MAX; looked++) {
        if (roster->sweep_next >= roster->count) {
            roster->sweep_next = 0;
        }
        size_t at = roster->sweep_next++;
        if (client_gone(roster->client[at], now_ns)) {
            roster_remove(roster, at);
        }
    }
    return before - roster->count;
}

bool
roster_look(struct roster *roster, uint64_t budget_ns)
{
    uint64_t begin_ns = reply_now_ns(CLOCK_MONOTONIC);
    uint64_t now_ns = begin_ns;

    if (now_ns - roster->look_step_ns >= LOOK_LEFT_NS) {
        roster->look_next = 0; // begun for somebody who has gone: what it has seen is old
    }
    if (roster->look_next == 0) {
        if (roster_seen_ns(roster, now_ns) != now_ns) {
            return true;
        }
        roster->look_began_ns = now_ns;
    }
    for (unsigned i = 1; roster->look_next < roster->count; i++) {
        size_t at = roster->look_next++;
        struct client *client = roster->client[at];
        if (client_gone(client, now_ns)) {
            roster_remove(roster, at);
        } else {
            (void)client_snapshot(client, now_ns);
            client_refresh_rss(client, now_ns);
            if (roster->count > KEPT_MAX) {
                page_map_rest(&client->map);
            }
        }
        if (i % LOOK_BETWEEN == 0) {
            now_ns = reply_now_ns(CLOCK_MONOTONIC);
            if (now_ns - begin_ns > budget_ns) {
                roster->look_step_ns = now_ns;
                return false;
            }
        }
    }
    roster->look_next = 0;
    roster->looked_ns = reply_now_ns(CLOCK_MONOTONIC);
    return true;
}

uint64_t
roster_seen_ns(const struct roster *roster, uint64_t now_ns)
{
    bool recent = roster->looked_ns != 0 && now_ns - roster->looked_ns < CLIENT_SNAPSHOT_NS;

    return recent ? roster->look_began_ns : now_ns;
}

void
roster_beat(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        advice_beat(&roster->client[i]->advice);
    }
}

void
roster_keep(struct roster *roster, uint64_t now_ns)
{
    unsigned tries = 0;
    bool proven = now_ns - roster->began_ns >= ROSTER_PROVEN_NS;

    for (size_t i = 0; i < roster->count; i++) {
        struct client *client = roster->client[i];
        if (client->kept == 0 && client->advice.fd >= 0 && tries < ROSTER_KEEP_MAX &&
            now_ns - client->registered_ns >= ROSTER_KEEP_NS) {
            // If it cannot take this one, it cannot take another.
            tries = client_keep(client) ? tries + 1 : ROSTER_KEEP_MAX;
        }
        if (proven && client->advice.record != NULL) {
            client->advice.record->tries = 0;
        }
    }
}

void
roster_hand_over(struct roster *roster)
{
    size_t left = 0;

    for (size_t i = 0; i < roster->count; i++) {
        struct client *client = roster->client[i];
        if (client->kept != 0 || client_keep(client)) {
            client->advice.record->tries = 0;
            client_leave(client);
        } else {
            roster->client[left] = client;
            roster->pid[left] = roster->pid[i];
            roster->uid[left++] = roster->uid[i];
        }
    }
    roster->count = left;
}

void
roster_apply_rules(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        rules_apply(&roster->rules, roster->client[i]);
    }
}

void
roster_clear(struct roster *roster)
{
    while (roster->count > 0) {
        roster_remove(roster, roster->count - 1);
    }
    rules_free(&roster->rules);
}
