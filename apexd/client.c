// SPDX-License-Identifier: MIT
//
// One registered process; see client.h. What /proc says is asked by pid only while the pidfd
// shows that the pid still means this process.

#include "apexd/client.h"

#include "apexd/fdstore.h"
#include "apexd/notify.h"
#include "apexd/proto/message.h"
#include "apexd/small_file.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROC_BYTES_MAX CLIENT_TEXT_BYTES

// Reads a file of /proc; the text is terminated. False when there is none.
static bool
client_read(pid_t pid, const char *name, char *text, size_t capacity)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return small_file_read(path, text, capacity);
}

// Field 22 of /proc/PID/stat. The name, field 2, may contain anything, so count from its last
// bracket.
static uint64_t
client_start_ticks(pid_t pid)
{
    char text[PROC_BYTES_MAX];
    uint64_t ticks = 0;
    char *at = client_read(pid, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;

    for (unsigned field = 2; at != NULL && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at != NULL && sscanf(at + 1, "%" SCNu64, &ticks) != 1) {
        ticks = 0;
    }
    return ticks;
}

int
client_poll(int fd, short events)
{
    struct pollfd wanted = {.fd = fd, .events = events};
    int ready;

    // A signal interrupts it, though it waits for nothing; and says nothing of the process.
    do {
        ready = poll(&wanted, 1, 0);
    } while (ready < 0 && errno == EINTR);
    return ready < 0 ? -1 : wanted.revents;
}

static bool
client_exited(const struct client_peer *peer)
{
    return client_poll(peer->pidfd, POLLIN) != 0;
}

bool
client_proc(const struct client *client, const char *name, char *text, size_t capacity)
{
    return client_read(client->peer.pid, name, text, capacity) && !client_exited(&client->peer);
}

// Takes over the map and the pidfd.
static struct client *
client_begin(const struct client_peer *peer, const struct page_map *map)
{
    struct client *client = calloc(1, sizeof *client);

    if (client == NULL) {
        struct page_map unwanted = *map;
        page_map_close(&unwanted);
        close(peer->pidfd);
        return NULL;
    }
    client->peer = *peer;
    client->map = *map;
    return client;
}

// For the next daemon.
static void
client_record(struct client *client)
{
    struct advice_record *record = client->advice.record;

    if (record != NULL) {
        record->pid = client->peer.pid;
        record->uid = client->peer.uid;
        record->gid = client->peer.gid;
        record->start_ticks = client->start_ticks;
        record->registered_ns = client->registered_ns;
    }
}

struct client *
client_new(const struct client_peer *peer, const struct page_map *map, uint64_t daemon,
           uint64_t now_ns, int *advice_fd)
{
    struct client *client = client_begin(peer, map);

    if (client == NULL) {
        return NULL;
    }
    client->registered_ns = now_ns;
    client->start_ticks = client_start_ticks(peer->pid);
    // Only now is it certain whose ticks these were.
    if (client_exited(peer) ||
        !advice_open(&client->advice, map->nonce, daemon, notify_wanted(), advice_fd)) {
        client_free(client);
        return NULL;
    }
    client_record(client);
    return client;
}

bool
client_remembered(const struct advice *advice, struct client_peer *peer)
{
    const struct advice_record *r = advice->record;

    peer->pid = r->pid;
    peer->uid = r->uid;
    peer->gid = r->gid;
    peer->pidfd = r->pid <= 0 ? -1 : (int)syscall(SYS_pidfd_open, r->pid, 0);
    return peer->pidfd >= 0;
}

struct client *
client_resume(const struct client_peer *peer, const struct page_map *map,
              const struct advice *advice, uint64_t now_ns)
{
    struct apex_advice_row row[APEX_ADVICE_ROWS_MAX];
    struct client *client = client_begin(peer, map);

    if (client == NULL) {
        struct advice unwanted = *advice;
        advice_close(&unwanted);
        return NULL;
    }
    client->advice = *advice;
    const struct advice_record *r = advice->record;
    client->registered_ns = r->registered_ns < now_ns ? r->registered_ns : now_ns;
    client->start_ticks = client_start_ticks(peer->pid);
    // A number that another process has got meanwhile came with another time.
    if (client->start_ticks == 0 || client->start_ticks != r->start_ticks ||
        client_exited(peer)) {
        client_free(client);
        return NULL;
    }
    unsigned rows = advice_remembered(advice, row);
    for (unsigned i = 0; i < rows; i++) {
        (void)tune_set(&client->tune, TUNE_USER, row[i].key, row[i].value);
    }
    return client;
}

bool
client_keep(struct client *client)
{
    const int fds[] = {client->map.fd, client->advice.fd, client->profile.fd};
    bool profile = client->profile.base != NULL && client->profile.fd >= 0;
    uint32_t id = fdstore_id();

    if (client->advice.fd < 0 || !fdstore_put(id, fds, profile ? 3 : 2)) {
        return false;
    }
    client->kept = id;
    advice_kept(&client->advice);
    profile_map_kept(&client->profile);
    return true;
}

void
client_take_profile(struct client *client, const struct profile_map *profile)
{
    profile_map_close(&client->profile);
    client->profile = *profile;
    // One that is not kept yet is kept with all that it has. If the manager does not take this one
    // now, the next daemon does without.
    if (client->kept != 0) {
        (void)fdstore_put(client->kept, &client->profile.fd, 1);
    }
    if (client->kept != 0 || client->advice.fd < 0) {
        profile_map_kept(&client->profile);
    }
}

static bool
client_is_old(uint64_t read_ns, uint64_t now_ns)
{
    return read_ns == 0 || (now_ns > read_ns && now_ns - read_ns >= CLIENT_SNAPSHOT_NS);
}

const struct page_snapshot *
client_snapshot(struct client *client, uint64_t now_ns)
{
    if (client_is_old(client->snapshot_ns, now_ns)) {
        return client_snapshot_now(client, now_ns);
    }
    return &client->snapshot;
}

const struct page_snapshot *
client_snapshot_now(struct client *client, uint64_t now_ns)
{
    page_map_snapshot(&client->map, &client->snapshot);
    client->snapshot_ns = now_ns;
    return &client->snapshot;
}

bool
client_may_be_seen(uid_t owner, uid_t viewer)
{
    return viewer == 0 || viewer == owner;
}

void
client_refresh_rss(struct client *client, uint64_t now_ns)
{
    if (client_is_old(client->rss_ns, now_ns)) {
        client->rss_bytes = client_rss_bytes(client);
        client->rss_ns = now_ns;
    }
}

bool
client_alive(const struct client *client)
{
    return !client_exited(&client->peer) && page_map_leased(&client->map);
}

bool
client_gone(struct client *client, uint64_t now_ns)
{
    if (client_exited(&client->peer)) {
        return true;
    }
    if (page_map_leased(&client->map)) {
        client->given_up_ns = 0;
    } else if (client->given_up_ns == 0) {
        client->given_up_ns = now_ns;
    }
    return client->given_up_ns != 0 && now_ns - client->given_up_ns >= CLIENT_GRACE_NS;
}

bool
client_exe(const struct client *client, char text[CLIENT_TEXT_BYTES])
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/exe", (int)client->peer.pid);
    ssize_t length = readlink(path, text, CLIENT_TEXT_BYTES);
    if (length <= 0 || length == CLIENT_TEXT_BYTES || client_exited(&client->peer)) {
        return false;
    }
    text[length] = '\0';
    return true;
}

bool
client_cgroup(const struct client *client, char text[CLIENT_TEXT_BYTES])
{
    static const char prefix[] = "0::"; // of the unified hierarchy

    if (!client_proc(client, "cgroup", text, CLIENT_TEXT_BYTES)) {
        return false;
    }
    for (char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n' ? 1 : 0;
        size_t length = strcspn(line, "\n");
        if (strncmp(line, prefix, sizeof prefix - 1) == 0 && line[length] == '\n') {
            length -= sizeof prefix - 1;
            memmove(text, line + sizeof prefix - 1, length);
            text[length] = '\0';
            return true;
        }
    }
    return false;
}

void
client_key(const struct client *client, struct ledger_key *key)
{
    char group[CLIENT_TEXT_BYTES];
    const char *last = client_cgroup(client, group) ? strrchr(group, '/') : NULL;

    memset(key, 0, sizeof *key);
    key->uid = client->peer.uid;
    message_clean(key->comm, sizeof key->comm, client->map.comm, sizeof client->map.comm);
    // The last part of the path is what systemd calls its unit, or the container. A group outside
    // our view of the tree has a path that ends in `..`.
    if (last != NULL && strcmp(last, "/..") != 0) {
        message_clean(key->unit, sizeof key->unit, last + 1, sizeof key->unit);
    }
}

uint64_t
client_rss_bytes(const struct client *client)
{
    char text[PROC_BYTES_MAX];
    uint64_t pages = 0;

    if (!client_proc(client, "statm", text, sizeof text) ||
        sscanf(text, "%*u %" SCNu64, &pages) != 1) {
        return 0;
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void
client_format_key(pid_t pid, uint64_t start_ticks, char key[CLIENT_KEY_BYTES])
{
    snprintf(key, CLIENT_KEY_BYTES, "%d:%" PRIu64, (int)pid, start_ticks);
}

bool
client_put_identity(cJSON *object, const struct client *client)
{
    const struct page_map *map = &client->map;
    char key[CLIENT_KEY_BYTES];

    client_format_key(client->peer.pid, client->start_ticks, key);
    return cJSON_AddStringToObject(object, "key", key) != NULL &&
           message_add_u64(object, "pid", (uint64_t)client->peer.pid) &&
           message_add_u64(object, "uid", client->peer.uid) &&
           message_add_text(object, "comm", map->comm, sizeof map->comm) &&
           message_add_text(object, "version", map->version, sizeof map->version);
}

static void
client_close(struct client *client)
{
    page_map_close(&client->map);
    profile_map_close(&client->profile);
    close(client->peer.pidfd);
    free(client->advisor);
    free(client->placement);
    free(client);
}

void
client_free(struct client *client)
{
    advice_close(&client->advice);
    if (client->kept != 0) {
        fdstore_drop(client->kept);
    }
    client_close(client);
}

void
client_leave(struct client *client)
{
    advice_leave(&client->advice);
    client_close(client);
}
