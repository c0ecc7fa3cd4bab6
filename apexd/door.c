// SPDX-License-Identifier: MIT
//
// Accepts connections; see door.h. uv_poll and plain calls, because uv_listen takes in all who
// stand in the queue before anybody else gets a turn, and knows no SEQPACKET sockets.

#include "apexd/door.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
door_turn_away(struct door *door)
{
    close(door->spare);
    int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    door->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
door_on_knock(uv_poll_t *poll, int error, int events)
{
    struct door *door = poll->data;

    (void)events;
    for (unsigned i = 0; i < door->accepts_max && error == 0; i++) {
        int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            door->guest(door->owner, fd);
        } else if (errno != EMFILE && errno != ENFILE) {
            break;
        } else if (door->full != NULL && door->full(door->owner)) {
            break;
        } else {
            door_turn_away(door);
        }
    }
}

unsigned
door_share(size_t fd_limit, unsigned parts, unsigned min, unsigned max)
{
    size_t share = fd_limit / parts;

    return share > max ? max : share < min ? min : (unsigned)share;
}

bool
door_start(struct door *door, uv_loop_t *loop, int fd, size_t fd_limit, door_guest *guest,
           door_full *full, void *owner)
{
    memset(door, 0, sizeof *door);
    door->accepts_max = door_share(fd_limit, 16, DOOR_ACCEPTS_MIN, DOOR_ACCEPTS_MAX);
    door->fd = fd;
    door->owner = owner;
    door->guest = guest;
    door->full = full;
    door->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (uv_poll_init(loop, &door->poll, fd) != 0) {
        return false;
    }
    door->poll.data = door;
    return uv_poll_start(&door->poll, UV_READABLE, door_on_knock) == 0;
}

void
door_stop(struct door *door)
{
    uv_close((uv_handle_t *)&door->poll, NULL);
    close(door->fd);
    close(door->spare);
}
