// SPDX-License-Identifier: MIT
//
// A listening socket, and those who come in by it: so many in a row and no more, so that a flood of
// connections leaves the loop time for everybody else, and with a descriptor in reserve: when there
// are none left, who knocks is turned away, where left in the queue it would wake us for ever. One
// thread, that of the loop.

#ifndef APEXD_DOOR_H
#define APEXD_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define DOOR_ACCEPTS_MAX 32 // in a row, before others get their turn
#define DOOR_ACCEPTS_MIN 2  // however few descriptors there are

// Takes over a connection: a descriptor that does not block and ends with exec.
typedef void door_guest(void *owner, int fd);

// Called when there are no descriptors left, before somebody is turned away: true when one or more
// will be free with the next turn of the loop, and the guest may wait for it.
typedef bool door_full(void *owner);

struct door {
    uv_poll_t poll;
    int fd;
    unsigned accepts_max; // in a row
    int spare;            // given up for a moment when there are no descriptors left
    void *owner;
    door_guest *guest;
    door_full *full; // may be NULL
};

// One of so many parts of the descriptors that there are, within bounds.
unsigned door_share(size_t fd_limit, unsigned parts, unsigned min, unsigned max);

// Opens the listening socket `fd`, which door_stop closes. `fd_limit` is what RLIMIT_NOFILE allows.
// False when the loop refuses.
bool door_start(struct door *door, uv_loop_t *loop, int fd, size_t fd_limit, door_guest *guest,
                door_full *full, void *owner);

// The handle is closed when the loop has run once more.
void door_stop(struct door *door);

#endif
