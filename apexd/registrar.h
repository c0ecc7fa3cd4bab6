// SPDX-License-Identifier: MIT
//
// register.sock: takes processes in. A connection sends one message and gets one answer.
// Whoever connects may be hostile: the number of connections, the time each has and the
// descriptors each may leave with us are bounded. One thread, that of the loop.

#ifndef APEXD_REGISTRAR_H
#define APEXD_REGISTRAR_H

#include "apexd/door.h"
#include "apexd/roster.h"

#include <stdbool.h>
#include <uv.h>

#define REGISTRAR_PENDING_MAX 64
#define REGISTRAR_PENDING_MIN 4 // however few descriptors there are
// One that is dropped leaves its place when the loop has turned.
#define REGISTRAR_PLACES (REGISTRAR_PENDING_MAX + DOOR_ACCEPTS_MAX)
#define REGISTRAR_DEADLINE_MS 1000

struct registrar;

// One connection that has not said its line yet.
struct registrar_pending {
    struct registrar *registrar;
    uv_poll_t poll;
    int fd;       // -1 when the place is free
    bool closing; // the loop has not let go of `poll` yet
    uint64_t since_ms;
};

struct registrar {
    struct roster *roster;
    struct door door;
    unsigned pending_max;
    uv_timer_t deadline;
    struct registrar_pending pending[REGISTRAR_PLACES];
};

// Serves the listening socket `fd`, which it closes when it stops. `fd_limit` is what RLIMIT_NOFILE
// allows. False when the loop refuses.
bool registrar_start(struct registrar *r, uv_loop_t *loop, int fd, size_t fd_limit,
                     struct roster *roster);

// The handles are closed when the loop has run once more.
void registrar_stop(struct registrar *r);

// Receives one registration on a connection, answers, and says what the answer was; false when
// nothing has arrived yet. For registrar.c and its tests.
bool registrar_receive(struct roster *roster, int connection, enum apex_hello_status *status);

#endif
