// SPDX-License-Identifier: MIT
//
// control.sock: one JSON object a line in, one out (docs/protocol.md). A connection has one
// request under way at a time; it is dropped when it takes too long to finish a line or to read
// an answer. One thread, that of the loop. The only file that knows uv_pipe.

#ifndef APEXD_SERVER_H
#define APEXD_SERVER_H

#include "apexd/methods.h"

#include <stdbool.h>
#include <uv.h>

#define SERVER_CONNECTIONS_MAX 64
#define SERVER_DEADLINE_MS 5000 // for the rest of a line, and for an answer to be read
#define SERVER_IDLE_MS 60000    // between requests
#define SERVER_BACKLOG 64
#define SERVER_REPLIES_BYTES_MAX ((size_t)32 << 20) // waiting to be read, in sum

struct server {
    struct methods *methods;
    uv_pipe_t listener;
    unsigned connections;
    size_t replies_bytes;
    struct connection *first;
};

// Serves the listening socket `fd`, which it closes when it stops. False when the loop refuses.
bool server_start(struct server *server, uv_loop_t *loop, int fd, struct methods *methods);

// The handles are closed when the loop has run once more.
void server_stop(struct server *server);

#endif
