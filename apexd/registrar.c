// SPDX-License-Identifier: MIT
//
// Registration, the daemon's side (docs/protocol.md). uv_poll and plain calls, because libuv has no
// SEQPACKET sockets.

#include "apexd/registrar.h"

#include "apexd/log.h"
#include "apexd/reply.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 // Linux 6.5
#endif

#define REGISTRAR_STEP_MS 250 // between looks for those who are late

#define FDS_TAKEN_MAX 8 // of one message; the kernel throws the rest away

// A message as it came.
struct registrar_message {
    struct apex_hello hello;
    ssize_t bytes;
    bool truncated; // text or descriptors were left out
    unsigned fd_count;
    int fd[FDS_TAKEN_MAX];
};

static const char *const status_words[APEX_HELLO_STATUS_COUNT] = {
#define REGISTRAR_WORD(name, number, word) [number] = word,
    APEX_HELLO_STATUSES(REGISTRAR_WORD)
#undef REGISTRAR_WORD
};

// --- One message ---------------------------------------------------------------------------------

// False when nothing is there yet.
static bool
registrar_take(int connection, struct registrar_message *m)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * FDS_TAKEN_MAX)];
    } control;
    struct iovec part = {&m->hello, sizeof m->hello};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};

    memset(m, 0, sizeof *m);
    whole.msg_control = &control;
    whole.msg_controllen = sizeof control;
    m->bytes = recvmsg(connection, &whole, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (m->bytes < 0) {
        return errno != EAGAIN && errno != EINTR;
    }
    // A longer message is from a later minor version: what it appends is left out, and that is
    // fine.
    m->truncated = (whole.msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&whole); c != NULL; c = CMSG_NXTHDR(&whole, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && m->fd_count < FDS_TAKEN_MAX; i++) {
            memcpy(&m->fd[m->fd_count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
    }
    return true;
}

// Whether the message itself is in order. Exactly one descriptor is left open if it is.
static enum apex_hello_status
registrar_check(struct registrar_message *m)
{
    const struct apex_hello *h = &m->hello;
    enum apex_hello_status status = APEX_HELLO_ACCEPTED;

    if (m->bytes < (ssize_t)sizeof *h || m->truncated || m->fd_count != 1 ||
        h->magic != APEX_HELLO_MAGIC || h->size_bytes < sizeof *h) {
        status = APEX_HELLO_BAD_MESSAGE;
    } else if (h->major != APEX_HELLO_MAJOR || h->kind >= APEX_HELLO_KIND_COUNT) {
        status = APEX_HELLO_BAD_VERSION;
    }
    for (unsigned i = 0; i < m->fd_count && status != APEX_HELLO_ACCEPTED; i++) {
        close(m->fd[i]);
    }
    return status;
}

// Whether the peer's end is closed, as far as the kernel tells.
static bool
registrar_hung_up(int connection)
{
    int events = client_poll(connection, POLLRDHUP);

    return events < 0 || (events & (POLLHUP | POLLRDHUP)) != 0;
}

static bool
registrar_is_of(pid_t pid, uid_t uid)
{
    char path[32];
    struct stat status;

    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return stat(path, &status) == 0 && status.st_uid == uid;
}

// Asks the kernel who is at the other end. `leased`: what it sends ends with the process.
static bool
registrar_peer(int connection, bool leased, struct client_peer *peer)
{
    struct ucred who;
    socklen_t bytes = sizeof who;
    int pidfd = -1;

    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &who, &bytes) != 0 || who.pid <= 0) {
        return false;
    }
    bytes = sizeof pidfd;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &bytes) != 0) {
        pidfd = (int)syscall(SYS_pidfd_open, who.pid, 0);
        // Before 6.5 the number may have passed to another process, but not while the peer,
        // whose number it was, still has its end open. Who did not stay for the answer may sleep
        // by now, and never come again. Its page says that it is alive: the lock ends with the
        // process, and is looked at after this. Only those who mean it share a lock, and may then
        // lie about processes of their own user, as they always may.
        if (pidfd >= 0 && registrar_hung_up(connection) &&
            !(leased && registrar_is_of(who.pid, who.uid))) {
            close(pidfd);
            return false;
        }
    }
    *peer = (struct client_peer){who.pid, who.uid, who.gid, pidfd};
    return pidfd >= 0;
}

static void
registrar_answer(int connection, uint64_t nonce, enum apex_hello_status status, int advice_fd)
{
    struct apex_hello_ack ack = {
        .magic = APEX_HELLO_ACK_MAGIC,
        .major = APEX_HELLO_MAJOR,
        .minor = APEX_HELLO_MINOR,
        .size_bytes = sizeof ack,
        .nonce = nonce,
        .status = (uint32_t)status,
        .advice_bytes = advice_fd < 0 ? 0 : APEX_ADVICE_PAGE_BYTES,
    };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {&ack, sizeof ack};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};

    if (advice_fd >= 0) {
        memset(&control, 0, sizeof control);
        whole.msg_control = &control;
        whole.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &advice_fd, sizeof advice_fd);
    }
    // Who does not stay for the answer is none the worse: it is on the list, or comes again.
    ssize_t sent = sendmsg(connection, &whole, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
}

// Puts the process on the roster. Takes over the page's descriptor and the pidfd.
static enum apex_hello_status
registrar_admit(struct roster *roster, const struct client_peer *peer, int page_fd, uint64_t nonce,
                int *advice_fd)
{
    struct page_map map;

    if (!roster_has_room(roster, peer)) {
        roster_sweep(roster, reply_now_ns(CLOCK_MONOTONIC)); // whoever has exited makes room
    }
    if (peer->pid == getpid()) {
        close(page_fd);
        close(peer->pidfd);
        return APEX_HELLO_REFUSED;
    }
    enum apex_hello_status status = roster_open_page(roster, peer, page_fd, nonce, &map);
    if (status != APEX_HELLO_ACCEPTED) {
        close(peer->pidfd);
        return status;
    }
    struct client *client =
        client_new(peer, &map, roster->daemon, reply_now_ns(CLOCK_MONOTONIC), advice_fd);
    if (client == NULL) {
        return APEX_HELLO_INTERNAL;
    }
    roster_add(roster, client);
    return APEX_HELLO_ACCEPTED;
}

// Puts the page of a profile beside the statistics of its process. Takes over the page's descriptor
// and the pidfd.
static enum apex_hello_status
registrar_admit_profile(struct roster *roster, const struct client_peer *peer, int page_fd,
                        uint64_t nonce)
{
    struct client *client = roster_find(roster, peer->pid);
    struct profile_map map;

    // The peer was alive when its pidfd was opened, so that a client of the same number that is
    // alive is the same process.
    bool known = client != NULL && client->peer.uid == peer->uid && client_alive(client);
    close(peer->pidfd);
    if (!known) {
        close(page_fd);
        return APEX_HELLO_REFUSED;
    }
    enum apex_hello_status status = profile_map_open(&map, page_fd, nonce);
    if (status == APEX_HELLO_ACCEPTED) {
        client_take_profile(client, &map);
    }
    return status;
}

// Whether a process has ended, or become another program, before it was on the list: then it has
// said nothing, or nobody says whose that was, or its page has lost its lock, or it cannot be asked
// for any more; and its end of the connection is closed. What is refused for another reason is so
// whoever has lost patience meanwhile.
static bool
registrar_was_left(int connection, ssize_t said, const struct client_peer *peer,
                   enum apex_hello_status status)
{
    bool may_be = said == 0 || (status == APEX_HELLO_REFUSED && peer->pid == 0) ||
                  status == APEX_HELLO_NO_LEASE || status == APEX_HELLO_INTERNAL;

    return may_be && registrar_hung_up(connection);
}

// Who did not stay was not refused: short programs would look like enemies.
static void
registrar_count(struct roster *roster, const struct client_peer *peer, bool left,
                enum apex_hello_status status)
{
    bool usual = left || status == APEX_HELLO_ACCEPTED;

    roster->answered_total[status] += left ? 0 : 1;
    log_event(usual ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "registration of pid %d, uid %u: %s",
              (int)peer->pid, (unsigned)peer->uid, left ? "it has left" : status_words[status]);
}

bool
registrar_receive(struct roster *roster, int connection, enum apex_hello_status *status)
{
    struct registrar_message m;
    struct client_peer peer = {.pid = 0};
    int advice_fd = -1;

    if (!registrar_take(connection, &m)) {
        return false;
    }
    *status = registrar_check(&m);
    if (*status == APEX_HELLO_ACCEPTED) {
        bool profile = m.hello.kind == APEX_HELLO_PROFILE;
        if (registrar_peer(connection, !profile, &peer)) {
            *status = profile ? registrar_admit_profile(roster, &peer, m.fd[0], m.hello.nonce)
                              : registrar_admit(roster, &peer, m.fd[0], m.hello.nonce, &advice_fd);
        } else {
            close(m.fd[0]);
            *status = APEX_HELLO_REFUSED;
        }
    }
    // Before the answer: who has that may leave.
    bool left = registrar_was_left(connection, m.bytes, &peer, *status);
    registrar_answer(connection, m.hello.nonce, *status, advice_fd);
    if (advice_fd >= 0) {
        close(advice_fd);
    }
    registrar_count(roster, &peer, left, *status);
    return true;
}

// --- Connections ---------------------------------------------------------------------------------

static void
registrar_on_closed(uv_handle_t *handle)
{
    struct registrar_pending *p = handle->data;

    close(p->fd);
    p->fd = -1;
    p->closing = false;
}

static void
registrar_drop(struct registrar_pending *p)
{
    if (p->fd >= 0 && !p->closing) {
        p->closing = true;
        uv_close((uv_handle_t *)&p->poll, registrar_on_closed);
    }
}

static void
registrar_on_readable(uv_poll_t *poll, int error, int events)
{
    struct registrar_pending *p = poll->data;
    enum apex_hello_status status;

    (void)events;
    if (error != 0 || registrar_receive(p->registrar->roster, p->fd, &status)) {
        registrar_drop(p);
    }
}

// A place for one more, NULL when there is none until the loop has turned.
static struct registrar_pending *
registrar_free_place(struct registrar *r)
{
    struct registrar_pending *oldest = NULL;
    struct registrar_pending *free_one = NULL;
    unsigned waiting = 0;

    for (unsigned i = 0; i < REGISTRAR_PLACES; i++) {
        struct registrar_pending *p = &r->pending[i];
        if (p->fd < 0) {
            free_one = p;
        } else if (!p->closing) {
            waiting++;
            oldest = oldest == NULL || p->since_ms < oldest->since_ms ? p : oldest;
        }
    }
    // Full of people who do not speak. An honest process speaks at once, so the one that has
    // been silent for longest is the least likely to be one.
    if (waiting >= r->pending_max) {
        registrar_drop(oldest);
    }
    return free_one;
}

static void
registrar_on_deadline(uv_timer_t *timer)
{
    struct registrar *r = timer->data;
    uint64_t now_ms = uv_now(timer->loop);
    bool waiting = false;

    for (unsigned i = 0; i < REGISTRAR_PLACES; i++) {
        struct registrar_pending *p = &r->pending[i];
        if (p->fd >= 0 && now_ms - p->since_ms >= REGISTRAR_DEADLINE_MS) {
            registrar_drop(p);
        }
        waiting |= p->fd >= 0;
    }
    if (!waiting) {
        uv_timer_stop(timer);
    }
}

static void
registrar_welcome(void *owner, int fd)
{
    struct registrar *r = owner;
    struct registrar_pending *p = registrar_free_place(r);
    uv_loop_t *loop = r->deadline.loop;

    if (p == NULL || uv_poll_init(loop, &p->poll, fd) != 0) {
        close(fd);
        return;
    }
    p->fd = fd;
    p->poll.data = p;
    p->since_ms = uv_now(loop);
    if (!uv_is_active((uv_handle_t *)&r->deadline)) {
        uv_timer_start(&r->deadline, registrar_on_deadline, REGISTRAR_STEP_MS, REGISTRAR_STEP_MS);
    }
    if (uv_poll_start(&p->poll, UV_READABLE | UV_DISCONNECT, registrar_on_readable) != 0) {
        registrar_drop(p);
    }
}

bool
registrar_start(struct registrar *r, uv_loop_t *loop, int fd, size_t fd_limit,
                struct roster *roster)
{
    memset(r, 0, sizeof *r);
    r->pending_max = door_share(fd_limit, 16, REGISTRAR_PENDING_MIN, REGISTRAR_PENDING_MAX);
    r->roster = roster;
    for (unsigned i = 0; i < REGISTRAR_PLACES; i++) {
        r->pending[i].registrar = r;
        r->pending[i].fd = -1;
    }
    if (uv_timer_init(loop, &r->deadline) != 0) {
        return false;
    }
    r->deadline.data = r;
    return door_start(&r->door, loop, fd, fd_limit, registrar_welcome, NULL, r);
}

void
registrar_stop(struct registrar *r)
{
    uv_close((uv_handle_t *)&r->deadline, NULL);
    door_stop(&r->door);
    for (unsigned i = 0; i < REGISTRAR_PLACES; i++) {
        registrar_drop(&r->pending[i]);
    }
}
