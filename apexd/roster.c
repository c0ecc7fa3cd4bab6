// SPDX-License-Identifier: MIT
//
// The set of registered processes; see roster.h. An array: it is walked as a whole far more
// often than searched, and 4096 entries are few.

#include "apexd/roster.h"

#include <string.h>
#include <unistd.h>

#define FDS_OF_OURS 256   // sockets, connections, registrations under way
#define FDS_OF_A_CLIENT 2 // pidfd and page

void
roster_init(struct roster *roster, uint64_t daemon, size_t fd_limit)
{
    size_t room = fd_limit > FDS_OF_OURS ? (fd_limit - FDS_OF_OURS) / FDS_OF_A_CLIENT : 0;

    memset(roster, 0, sizeof *roster);
    ledger_init(&roster->ledger);
    roster->daemon = daemon;
    roster->capacity = room < ROSTER_CLIENTS_MAX ? room : ROSTER_CLIENTS_MAX;
}

struct client *
roster_find(const struct roster *roster, pid_t pid)
{
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->client[i]->peer.pid == pid) {
            return roster->client[i];
        }
    }
    return NULL;
}

static bool
roster_trusts(const struct client_peer *peer)
{
    return peer->uid == 0 || peer->uid == geteuid();
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
    return roster_trusts(peer) || of_uid <= ROSTER_PAGE_BYTES_OF_UID_MAX;
}

bool
roster_has_room(const struct roster *roster, const struct client_peer *peer)
{
    size_t of_uid = 0;

    if (roster_find(roster, peer->pid) != NULL) {
        return true; // it will take the place of its older entry
    }
    for (size_t i = 0; i < roster->count; i++) {
        of_uid += roster->client[i]->peer.uid == peer->uid ? 1 : 0;
    }
    return roster->count < roster->capacity &&
           (roster_trusts(peer) || of_uid < ROSTER_CLIENTS_OF_UID_MAX);
}

static void
roster_remove(struct roster *roster, size_t index)
{
    struct client *client = roster->client[index];

    ledger_leave(&roster->ledger, &client->place, &client->map,
                 client_snapshot_now(client, client->snapshot_ns));
    client_free(client);
    roster->count--;
    memmove(&roster->client[index], &roster->client[index + 1],
            (roster->count - index) * sizeof roster->client[0]);
}

void
roster_add(struct roster *roster, struct client *client)
{
    struct ledger_key key;

    for (size_t i = 0; i < roster->count; i++) {
        const struct client *older = roster->client[i];
        if (older->peer.pid == client->peer.pid) {
            if (older->start_ticks == client->start_ticks &&
                memcmp(older->map.comm, client->map.comm, sizeof client->map.comm) == 0) {
                client->tune = older->tune;
            }
            roster_remove(roster, i);
            break;
        }
    }
    rules_apply(&roster->rules, client);
    client_key(client, &key);
    ledger_enter(&roster->ledger, &key, &client->map, &client->place);
    roster->client[roster->count++] = client;
    roster->registered_total++;
}

size_t
roster_sweep(struct roster *roster, uint64_t now_ns)
{
    size_t before = roster->count;

    if (roster->swept_ns != 0 && now_ns - roster->swept_ns < ROSTER_SWEEP_NS) {
        return 0;
    }
    roster->swept_ns = now_ns;
    for (size_t i = roster->count; i-- > 0;) {
        if (!client_alive(roster->client[i])) {
            roster_remove(roster, i);
        }
    }
    return before - roster->count;
}

void
roster_beat(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        advice_beat(&roster->client[i]->advice);
    }
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
