// SPDX-License-Identifier: MIT
//
// http.sock and, if asked for, a port of the loopback interface: HTTP/1.1 by libmicrohttpd, which
// has its own epoll set and is run from our loop, without a thread. The only file that knows it.
// One request a connection. What takes long waits for its turn, one in a turn of the loop, and
// before that, if it is about all processes, until they have been looked at, in steps. A connection
// that is not done in time is closed, however busily it sends or reads; and when many are there,
// one makes room: the oldest that keeps us waiting, so that those who ask nothing or do not read
// their answers keep nobody else out; or else the youngest.

#ifndef APEXD_HTTP_H
#define APEXD_HTTP_H

#include "apexd/answers.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define HTTP_LISTENERS_MAX 3           // the socket, and the port by IPv4 and IPv6
#define HTTP_CONNECTIONS_MAX 32        // of each
#define HTTP_CROWD 24                  // from here on one makes room
#define HTTP_READING_MS 250            // in which whoever has asked need not have read the answer
#define HTTP_REQUEST_BYTES_MAX 8192    // line and headers
#define HTTP_DEADLINE_MS 5000          // from connecting to the last byte of the answer
#define HTTP_REPLIES_BYTES_MAX ((size_t)8 << 20) // waiting to be read, each text once

struct http_listener {
    struct http *http;
    struct MHD_Daemon *daemon;
    bool knows_peers; // a Unix socket: the kernel says who comes
    bool has_closed;  // one of its connections, in this run
    unsigned connections;
    struct http_connection *first; // the oldest
    struct http_connection *last;
    uv_poll_t ready;
    uv_timer_t timer;
};

struct http {
    struct answers *answers;
    uv_loop_t *loop;
    uv_idle_t work; // runs while somebody waits for a look at all processes, or for a turn
    unsigned count;
    struct http_listener listener[HTTP_LISTENERS_MAX];
};

// `answers` must outlive it.
void http_init(struct http *http, uv_loop_t *loop, struct answers *answers);

// Serves the listening socket `fd`, which it closes when it stops. False when it cannot: then
// nothing is as it was, and the daemon has failed to start.
bool http_add(struct http *http, int fd, bool is_unix);

// A listening socket of 127.0.0.1, or of ::1 when `six`. -1, with errno.
int http_loopback(unsigned port, bool six);

// The handles are closed when the loop has run once more.
void http_stop(struct http *http);

#endif
