// SPDX-License-Identifier: MIT
//
// sd_notify and sd_listen_fds without libsystemd: one datagram, and descriptors from 3 on.

#include "apexd/notify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FIRST 3
#define LISTEN_SOCKETS_MAX 16 // sockets come first; one behind these is not looked for
#define LISTEN_MAX 65536u
#define WAIT_S 1

// --- Telling -------------------------------------------------------------------------------------

// False when there is no manager, or none that we can reach.
static bool
notify_address(struct sockaddr_un *address, socklen_t *bytes)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path == NULL ? 0 : strlen(path);

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length < 2 || length >= sizeof address->sun_path || (path[0] != '/' && path[0] != '@')) {
        return false;
    }
    memcpy(address->sun_path, path, length);
    if (path[0] == '@') {
        address->sun_path[0] = '\0';
    }
    *bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return true;
}

bool
notify_wanted(void)
{
    struct sockaddr_un address;
    socklen_t bytes;

    return notify_address(&address, &bytes);
}

static bool
notify_message(const char *state, const int *fds, unsigned count, int flags)
{
    const struct timeval wait = {WAIT_S, 0};
    struct sockaddr_un address;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * NOTIFY_FDS_MAX)];
    } control;
    struct iovec part = {(void *)(uintptr_t)state, strlen(state)};
    struct msghdr whole = {.msg_name = &address, .msg_iov = &part, .msg_iovlen = 1};

    if (count > NOTIFY_FDS_MAX || !notify_address(&address, &whole.msg_namelen)) {
        return false;
    }
    if (count > 0) {
        memset(&control, 0, sizeof control);
        whole.msg_control = &control;
        whole.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    bool sent = sendmsg(fd, &whole, MSG_NOSIGNAL | flags) >= 0;
    close(fd);
    return sent;
}

void
notify_send(const char *state)
{
    (void)notify_message(state, NULL, 0, 0);
}

bool
notify_push(const char *state, const int *fd, unsigned count)
{
    return notify_message(state, fd, count, MSG_DONTWAIT);
}

// --- What was given ------------------------------------------------------------------------------

// A variable that is a whole number and nothing else; 0 for all others.
static uint64_t
notify_number(const char *name)
{
    const char *text = getenv(name);
    char *end;

    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return 0;
    }
    unsigned long long value = strtoull(text, &end, 10);
    return *end == '\0' ? value : 0;
}

uint64_t
notify_watchdog_ms(void)
{
    bool ours = getenv("WATCHDOG_PID") == NULL || //
                notify_number("WATCHDOG_PID") == (uint64_t)getpid();

    return ours ? notify_number("WATCHDOG_USEC") / 1000 : 0;
}

static unsigned
notify_passed(void)
{
    uint64_t count = notify_number("LISTEN_FDS");

    if (notify_number("LISTEN_PID") != (uint64_t)getpid()) {
        return 0;
    }
    return count < LISTEN_MAX ? (unsigned)count : LISTEN_MAX;
}

static int
notify_option(int fd, int option)
{
    int value = -1;
    socklen_t bytes = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) == 0 ? value : -1;
}

// Whether the manager calls descriptor LISTEN_FIRST + `index` so: names are parted by colons.
static bool
notify_is_called(unsigned index, const char *name)
{
    const char *at = getenv("LISTEN_FDNAMES");

    for (; at != NULL && index > 0; index--) {
        at = strchr(at, ':');
        at = at == NULL ? NULL : at + 1;
    }
    size_t length = strlen(name);
    return at != NULL && strncmp(at, name, length) == 0 &&
           (at[length] == ':' || at[length] == '\0');
}

// Whether the path that a socket is bound to ends in this name.
static bool
notify_is_at(int fd, const char *name)
{
    // One more: a path may fill the address, and is not terminated then.
    union {
        struct sockaddr_un un;
        char bytes[sizeof(struct sockaddr_un) + 1];
    } address = {.un = {.sun_family = AF_UNSPEC}};
    socklen_t bytes = sizeof address.un;

    if (getsockname(fd, (struct sockaddr *)&address.un, &bytes) != 0) {
        return false;
    }
    const char *path = address.bytes + offsetof(struct sockaddr_un, sun_path);
    const char *last = strrchr(path, '/');
    return last != NULL && strcmp(last + 1, name) == 0;
}

static uint32_t notify_handed_out; // bit i: descriptor LISTEN_FIRST + i

int
notify_socket(int type, const char *name)
{
    unsigned passed = notify_passed();

    for (unsigned i = 0; i < passed && i < LISTEN_SOCKETS_MAX; i++) {
        int fd = LISTEN_FIRST + (int)i;
        if ((notify_handed_out >> i & 1) != 0 || notify_option(fd, SO_DOMAIN) != AF_UNIX ||
            notify_option(fd, SO_TYPE) != type || notify_option(fd, SO_ACCEPTCONN) != 1) {
            continue;
        }
        if (name != NULL && !notify_is_called(i, name) && !notify_is_at(fd, name)) {
            continue;
        }
        notify_handed_out |= UINT32_C(1) << i;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        return fd;
    }
    return -1;
}

int
notify_rest(char name[NOTIFY_NAME_BYTES])
{
    static unsigned next;
    static const char *names; // of `next` and those behind it
    unsigned passed = notify_passed();

    names = next == 0 ? getenv("LISTEN_FDNAMES") : names;
    while (next < passed) {
        unsigned i = next++;
        const char *own = names == NULL ? "" : names;
        size_t length = strcspn(own, ":");
        names = own[length] == ':' ? own + length + 1 : NULL;
        int fd = LISTEN_FIRST + (int)i;
        bool taken = i < LISTEN_SOCKETS_MAX && (notify_handed_out >> i & 1) != 0;
        if (taken || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
            continue;
        }
        length = length < NOTIFY_NAME_BYTES ? length : 0;
        memcpy(name, own, length);
        name[length] = '\0';
        return fd;
    }
    return -1;
}
