// SPDX-License-Identifier: MIT
//
// sd_notify and sd_listen_fds without libsystemd: one datagram, and descriptors from 3 on.

#include "apexd/notify.h"

#include <fcntl.h>
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

int
notify_socket(int type)
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
        handed_out |= 1u << i;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        return fd;
    }
    return -1;
}
