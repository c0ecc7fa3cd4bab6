// SPDX-License-Identifier: MIT
//
// control.sock: one JSON object a line in, one out (docs/protocol.md). A connection has one request
// under way at a time; it is dropped when it takes too long to finish a line or to read an answer,
// or when others need its place. One thread, that of the loop. The only file that knows uv_pipe.
//
// Nobody can keep others out. When all places are taken and one more comes, the connection that
// has waited longest goes, of the largest group: the connections of one user that have been
// answered, or those that have not. A look at all processes is taken in steps, so that others are
// served in between, and an answer made of it is handed out to all who ask for the same meanwhile.
// Of those who wait for such an answer the next is one of the user, and of his connections the one,
// that got none for longest; but not for ever do new ones come before one that stays.

#ifndef APEXD_SERVER_H
#define APEXD_SERVER_H

#include "apexd/answers.h"
#include "apexd/door.h"

#include <stdbool.h>
#include <uv.h>

#define SERVER_CONNECTIONS_MAX 256
#define SERVER_CONNECTIONS_MIN 8 // however few descriptors there are
#define SERVER_DEADLINE_MS 5000  // for the rest of a line, and for an answer to be read
#define SERVER_IDLE_MS 60000     // between requests
#define SERVER_REPLIES_BYTES_MAX ((size_t)12 << 20) // waiting to be read, in sum
#define SERVER_SUBSCRIPTIONS_MAX 64                 // of all users
#define SERVER_SUBSCRIPTIONS_OF_UID_MAX 32
#define SERVER_PASSED_MAX 4 // who came later and come before a connection of the same user

struct server {
    struct answers *answers;
    struct roster *roster;
    struct door door;
    uv_idle_t work; // runs while somebody waits for a look at all processes, or for a turn
    unsigned connections;
    unsigned connections_max;
    struct connection *first; // the newest
};

// Serves the listening socket `fd`, which it closes when it stops. `fd_limit` is what RLIMIT_NOFILE
// allows. False when the loop refuses. `answers` must outlive it.
bool server_start(struct server *server, uv_loop_t *loop, int fd, size_t fd_limit,
                  struct answers *answers);

// The handles are closed when the loop has run once more.
void server_stop(struct server *server);

#endif
