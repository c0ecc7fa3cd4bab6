// SPDX-License-Identifier: MIT
//
// sd_notify and sd_listen_fds without libsystemd: one datagram, and descriptors from 3 on.

#include "apexd/notify.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FIRST 3
#define LISTEN_MAX 8

void
notify_send(const char *state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path == NULL ? 0 : strlen(path);

    if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent =
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, bytes);
    (void)sent;
    close(fd);
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

int
notify_socket(int type, const char *name)
{
    static unsigned handed_out; // bit i: descriptor LISTEN_FIRST + i
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    long passed = count == NULL ? 0 : strtol(count, NULL, 10);

    if (pid == NULL || strtol(pid, NULL, 10) != (long)getpid()) {
        return -1;
    }
    for (int i = 0; i < passed && i < LISTEN_MAX; i++) {
        int fd = LISTEN_FIRST + i;
        if ((handed_out >> i & 1) != 0 || notify_option(fd, SO_DOMAIN) != AF_UNIX ||
            notify_option(fd, SO_TYPE) != type || notify_option(fd, SO_ACCEPTCONN) != 1) {
            continue;
        }
        if (name != NULL && !notify_is_called((unsigned)i, name) && !notify_is_at(fd, name)) {
            continue;
        }
        handed_out |= 1u << i;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        return fd;
    }
    return -1;
}
