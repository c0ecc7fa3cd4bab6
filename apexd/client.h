// SPDX-License-Identifier: MIT
//
// One registered process: who it is (as the kernel says), its page, and what the page said
// last. One thread. Owned by the roster.

#ifndef APEXD_CLIENT_H
#define APEXD_CLIENT_H

#include "apexd/advice.h"
#include "apexd/ledger.h"
#include "apexd/page_map.h"
#include "apexd/profile_map.h"
#include "apexd/tune.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLIENT_SNAPSHOT_NS UINT64_C(200000000) // how long what was read may be handed out again

struct client_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
    int pidfd; // owned; refers to the very process that connected
};

// What apexd/act.c knows of it.
struct client_watch {
    uint64_t stamp;    // of what the page said
    uint64_t since_ns; // it has said so; 0: never looked
    uint64_t pressed_until_ns;
    bool swept;
    bool tightened; // options are advised because memory is short
};

struct client {
    struct client_peer peer;
    uint64_t start_ticks;   // clock ticks since boot; with pid the key of a process
    uint64_t registered_ns; // CLOCK_MONOTONIC
    struct page_map map;
    struct profile_map profile; // closed until there is one
    struct advice advice;
    struct tune tune;          // what it advises
    struct ledger_place place; // the roster's
    struct client_watch watch;
    uint32_t kept; // the number of its descriptors with the service manager; 0: it has none
    uint64_t given_up_ns; // when its page was first found to be; 0: it is not
    uint64_t snapshot_ns; // 0: none yet
    uint64_t rss_ns;           // 0: none yet
    uint64_t rss_bytes;        // of the whole process, as it was then
    struct page_snapshot snapshot;
    struct advisor_memory *advisor; // apexd/advisor.c's; NULL until it needs it
    bool numa_act;                  // a rule has opted it into acting on advice on NUMA
    struct placement_memory *placement; // apexd/placement.c's; NULL until it needs it
};

// A client for a page that was accepted; takes over the map and the pidfd, also when it fails
// (NULL). `*advice_fd` is the caller's to send and close.
struct client *client_new(const struct client_peer *peer, const struct page_map *map,
                          uint64_t daemon, uint64_t now_ns, int *advice_fd);

// Goes on with a process that another daemon has taken in. `advice` is what it has left, and says
// who the process is. Takes over the map, the advice and the pidfd, also when it fails (NULL): the
// process is not there any more, or cannot be told from another.
struct client *client_resume(const struct client_peer *peer, const struct page_map *map,
                             const struct advice *advice, uint64_t now_ns);

// The process as the daemon that took it in knew it; false when that makes no sense. The pidfd is
// the caller's.
bool client_remembered(const struct advice *advice, struct client_peer *peer);

// Gives the service manager what the next daemon needs to go on, and lets go of descriptors that
// only that is for. False when there is no manager, or it does not take them now.
bool client_keep(struct client *client);

// Takes the page of a profile in place of an older one.
void client_take_profile(struct client *client, const struct profile_map *profile);

// What the page says now, or said less than CLIENT_SNAPSHOT_NS before `now_ns`, or later.
const struct page_snapshot *client_snapshot(struct client *client, uint64_t now_ns);

// The same, of this moment. A page can be read when its process is gone, too: the last it said.
const struct page_snapshot *client_snapshot_now(struct client *client, uint64_t now_ns);

// Sets rss_bytes, unless it is as recent as a snapshot may be.
void client_refresh_rss(struct client *client, uint64_t now_ns);

// Whether details of a process of `owner` may be shown to `viewer`: to root and to its own user.
bool client_may_be_seen(uid_t owner, uid_t viewer);

// Who it is as far as sums over many processes tell: name, user and control group.
void client_key(const struct client *client, struct ledger_key *key);

// The events of a descriptor, of a pidfd or of a process's end, that are there now, as of poll(2);
// negative when the kernel does not tell.
int client_poll(int fd, short events);

// False when the process has exited, or has given its page up: by exec, or for another one.
bool client_alive(const struct client *client);

// Whether it is to be let go of: at once when the process has exited, after CLIENT_GRACE_NS when it
// has only given its page up, since it does so a moment before it comes with the next one.
#define CLIENT_GRACE_NS UINT64_C(1000000000)
bool client_gone(struct client *client, uint64_t now_ns);

// Path of its program; its control group in the unified hierarchy. False when the kernel does not
// tell, or the text is longer.
#define CLIENT_TEXT_BYTES 1024
bool client_exe(const struct client *client, char text[CLIENT_TEXT_BYTES]);
bool client_cgroup(const struct client *client, char text[CLIENT_TEXT_BYTES]);

// The beginning of a file of /proc/PID, as text. False when the kernel does not tell, or the
// process has exited.
bool client_proc(const struct client *client, const char *name, char *text, size_t capacity);

// Memory of the whole process in core, 0 when it cannot be told.
uint64_t client_rss_bytes(const struct client *client);

// "pid:start": names a process for as long as the kernel runs.
#define CLIENT_KEY_BYTES 48
void client_format_key(pid_t pid, uint64_t start_ticks, char key[CLIENT_KEY_BYTES]);

// Says in a reply who it is: key, pid, uid, comm, version. False when memory is short.
bool client_put_identity(cJSON *object, const struct client *client);

// Says goodbye.
void client_free(struct client *client);

// Leaves it to the next daemon. Only when the service manager has it.
void client_leave(struct client *client);

#endif
