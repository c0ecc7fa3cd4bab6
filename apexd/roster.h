// SPDX-License-Identifier: MIT
//
// All registered processes: a bounded set, in the order of registration. One process is in it
// once, with its newest page. One thread.

#ifndef APEXD_ROSTER_H
#define APEXD_ROSTER_H

#include "apexd/client.h"
#include "apexd/ledger.h"
#include "apexd/policy.h"
#include "apexd/rules.h"
#include "libapex/abi/hello.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROSTER_CLIENTS_MAX 4096
#define ROSTER_CLIENTS_OF_UID_MAX 1024                 // for each user but root and ourselves
#define ROSTER_PAGE_BYTES_OF_UID_MAX ((size_t)2 << 30) // of the pages of such a user
#define ROSTER_SWEEP_NS UINT64_C(50000000)
#define ROSTER_SWEEP_MAX 1024u // processes that one sweep looks at
#define ROSTER_OURS_MAX 512u   // descriptors for sockets, connections, registrations under way

// Who lives that long is kept by the service manager: many do not, and cost it nothing.
#define ROSTER_KEEP_NS UINT64_C(2000000000)
#define ROSTER_KEEP_MAX 32u // in one go: the manager compares each descriptor with all it has
#define ROSTER_PROVEN_NS UINT64_C(10000000000) // a daemon that lives so long does not die of them

struct roster {
    uint64_t daemon; // random; distinguishes this run of the daemon
    uint64_t began_ns;
    size_t capacity; // at most ROSTER_CLIENTS_MAX; fewer where descriptors are scarce
    size_t count;
    uint64_t swept_ns;
    size_t sweep_next;      // where the next sweep goes on
    size_t look_next;       // the same of roster_look
    uint64_t look_began_ns; // of the look under way, or the last
    uint64_t looked_ns;     // when the last one ended; 0: there was none
    uint64_t look_step_ns;  // when its last step ended
    uint64_t registered_total;
    uint64_t answered_total[APEX_HELLO_STATUS_COUNT]; // registrations, by what was answered
    uint64_t sweeps_total;      // of idle processes (apexd/act.h)
    uint64_t swept_bytes_total; // resident before less resident after
    uint64_t advice_total[POLICY_KIND_COUNT][POLICY_OUTCOME_COUNT]; // on NUMA
    struct rules rules;                               // for those who come
    struct ledger ledger;                             // what they counted, and those before them
    struct client *client[ROSTER_CLIENTS_MAX];
    pid_t pid[ROSTER_CLIENTS_MAX]; // of the same place in `client`, beside each other
    uid_t uid[ROSTER_CLIENTS_MAX];
};

// `fd_limit` is what RLIMIT_NOFILE allows; each process costs two descriptors, and one more until
// a service manager keeps it. Three of four are left for other things, ROSTER_OURS_MAX at most.
void roster_init(struct roster *roster, uint64_t daemon, size_t fd_limit);

// Whether there is room for one more process of this user.
bool roster_has_room(const struct roster *roster, const struct client_peer *peer);

// Whether there is room for a page of so many bytes. (Mapping it costs us hardly anything, but its
// memory stays for as long as we do not notice that its process has gone.)
bool roster_has_room_for_page(const struct roster *roster, const struct client_peer *peer,
                              size_t bytes);

// Accepts the page of a process (page_map_open) if there is room for both. Takes over `fd`.
enum apex_hello_status roster_open_page(const struct roster *roster,
                                        const struct client_peer *peer, int fd, uint64_t nonce,
                                        struct page_map *map);

// Takes over `client` and tells it what the rules want. An older entry for the same process goes;
// what was asked of that is asked of this one.
void roster_add(struct roster *roster, struct client *client);

// NULL when there is none.
struct client *roster_find(const struct roster *roster, pid_t pid);

// Lets go of processes that have exited or run another program: looks at ROSTER_SWEEP_MAX of them
// and goes on from there the next time. Does nothing if it did so less than ROSTER_SWEEP_NS ago:
// callers ask as often as they like. Returns how many went.
size_t roster_sweep(struct roster *roster, uint64_t now_ns);

// Looks at all processes: who lives, what the page says, how large they are; for about `budget_ns`,
// then it returns false and goes on the next time. True when all are as recent as a snapshot may
// be; or up to 1 s old, when somebody else had begun and left it.
bool roster_look(struct roster *roster, uint64_t budget_ns);

// The time to ask for snapshots by so that what roster_look has just seen is not read again: when
// that look began if it ended a short while ago, or else `now_ns`.
uint64_t roster_seen_ns(const struct roster *roster, uint64_t now_ns);

void roster_beat(struct roster *roster);

// Gives the service manager those that have lived long enough, a few at a time.
void roster_keep(struct roster *roster, uint64_t now_ns);

// Leaves to the next daemon all whom the service manager takes or has taken.
void roster_hand_over(struct roster *roster);

// The rules have changed.
void roster_apply_rules(struct roster *roster);

// Says goodbye to all.
void roster_clear(struct roster *roster);

#endif
