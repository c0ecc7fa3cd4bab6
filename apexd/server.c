// SPDX-License-Identifier: MIT
//
// The control socket; see server.h. A connection is always in one of three states, each with a
// deadline:
//
//   IDLE     no part of a line has come        SERVER_IDLE_MS
//   LINE     part of a line has come           SERVER_DEADLINE_MS, however many bytes trickle in
//   ANSWER   an answer waits to be read        SERVER_DEADLINE_MS; nothing is read meanwhile

#include "apexd/server.h"

#include "apexd/log.h"
#include "apexd/proto/frame.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum connection_state { CONNECTION_NEW, CONNECTION_IDLE, CONNECTION_LINE, CONNECTION_ANSWER };

struct connection {
    uv_pipe_t pipe;
    uv_timer_t deadline;
    uv_write_t write;
    struct server *server;
    struct connection *next;
    struct connection *previous;
    enum connection_state state;
    unsigned handles; // that the loop still has
    uid_t uid;
    bool last; // close after this answer
    char *reply;
    size_t reply_bytes;
    struct frame frame;
    char buffer[FRAME_REQUEST_BYTES_MAX];
};

static void server_continue(struct connection *c);

// --- Life of a connection ------------------------------------------------------------------------

static void
server_forget_reply(struct connection *c)
{
    c->server->replies_bytes -= c->reply_bytes;
    c->reply_bytes = 0;
    free(c->reply);
    c->reply = NULL;
}

static void
server_on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;

    if (--c->handles > 0) {
        return;
    }
    server_forget_reply(c);
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        c->server->first = c->next;
    }
    c->server->connections--;
    free(c);
}

static void
server_drop(struct connection *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->pipe)) {
        uv_close((uv_handle_t *)&c->pipe, server_on_closed);
        uv_close((uv_handle_t *)&c->deadline, server_on_closed);
    }
}

static void
server_on_deadline(uv_timer_t *timer)
{
    struct connection *c = timer->data;

    log_event(c->state == CONNECTION_IDLE ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              "dropped a connection of uid %u: %s", (unsigned)c->uid,
              c->state == CONNECTION_ANSWER ? "it does not read its answer"
              : c->state == CONNECTION_LINE ? "it does not finish its line"
                                            : "it is idle");
    server_drop(c);
}

// Enters a state; its deadline begins when it was in another one before.
static void
server_enter(struct connection *c, enum connection_state state)
{
    if (c->state != state) {
        c->state = state;
        uv_timer_start(&c->deadline, server_on_deadline,
                       state == CONNECTION_IDLE ? SERVER_IDLE_MS : SERVER_DEADLINE_MS, 0);
    }
}

// --- Answers -------------------------------------------------------------------------------------

static void
server_on_written(uv_write_t *write, int error)
{
    struct connection *c = write->data;

    server_forget_reply(c);
    if (error != 0 || c->last) {
        server_drop(c);
    } else if (!uv_is_closing((uv_handle_t *)&c->pipe)) {
        server_continue(c);
    }
}

// Sends `line`, which it takes over.
static void
server_send(struct connection *c, char *line)
{
    if (line == NULL) {
        server_drop(c);
        return;
    }
    c->reply = line;
    c->reply_bytes = strlen(line);
    c->server->replies_bytes += c->reply_bytes;
    uv_buf_t buffer = uv_buf_init(line, (unsigned)c->reply_bytes);
    uv_read_stop((uv_stream_t *)&c->pipe);
    server_enter(c, CONNECTION_ANSWER);
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &buffer, 1, server_on_written) != 0) {
        server_drop(c);
    }
}

static char *
server_answer(struct connection *c, const char *line, size_t length)
{
    struct message_request request;
    const char *why = NULL;
    cJSON *result = NULL;
    enum message_error error = message_parse_request(line, length, &request, &why);

    if (error == MESSAGE_NONE && c->server->replies_bytes > SERVER_REPLIES_BYTES_MAX) {
        error = MESSAGE_TOO_BUSY;
        why = "too many answers wait to be read";
    }
    if (error == MESSAGE_NONE) {
        error = methods_call(c->server->methods, c->uid, &request, &result, &why);
    }
    char *reply = error == MESSAGE_NONE ? message_reply(request.id, result)
                                        : message_reply_error(request.id, error, why);
    message_request_free(&request);
    return reply;
}

// --- Reading -------------------------------------------------------------------------------------

static void
server_on_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    struct connection *c = handle->data;
    char *at;

    (void)wanted;
    size_t room = frame_space(&c->frame, &at);
    *out = uv_buf_init(at, (unsigned)room);
}

static void
server_on_read(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer)
{
    struct connection *c = stream->data;

    (void)buffer;
    if (bytes < 0) {
        server_drop(c);
    } else if (bytes > 0) {
        frame_feed(&c->frame, (size_t)bytes);
        server_continue(c);
    }
}

// Answers the next line if there is one, else reads on.
static void
server_continue(struct connection *c)
{
    char *line;
    size_t length;

    switch (frame_next(&c->frame, &line, &length)) {
    case FRAME_LINE:
        server_send(c, server_answer(c, line, length));
        return;
    case FRAME_TOO_LONG:
        c->last = true;
        server_send(c, message_reply_error(NULL, MESSAGE_BAD_REQUEST,
                                           "the line is longer than 8192 bytes"));
        return;
    case FRAME_NONE:
        break;
    }
    server_enter(c, frame_partial(&c->frame) ? CONNECTION_LINE : CONNECTION_IDLE);
    int error = uv_read_start((uv_stream_t *)&c->pipe, server_on_buffer, server_on_read);
    if (error != 0 && error != UV_EALREADY) {
        server_drop(c);
    }
}

// --- Connecting ----------------------------------------------------------------------------------

static bool
server_peer(struct connection *c)
{
    struct ucred who;
    socklen_t bytes = sizeof who;
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&c->pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes) != 0) {
        return false;
    }
    c->uid = who.uid;
    return true;
}

static struct connection *
server_connection(struct server *server, uv_loop_t *loop)
{
    struct connection *c = calloc(1, sizeof *c);

    if (c == NULL) {
        return NULL;
    }
    // Neither of these can fail.
    uv_pipe_init(loop, &c->pipe, 0);
    uv_timer_init(loop, &c->deadline);
    c->pipe.data = c;
    c->deadline.data = c;
    c->handles = 2;
    c->server = server;
    c->next = server->first;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    server->first = c;
    server->connections++;
    frame_init(&c->frame, c->buffer, sizeof c->buffer);
    return c;
}

static void
server_on_connection(uv_stream_t *listener, int error)
{
    struct server *server = listener->data;
    struct connection *c = error != 0 ? NULL : server_connection(server, listener->loop);

    if (c == NULL) {
        return;
    }
    if (uv_accept(listener, (uv_stream_t *)&c->pipe) != 0 || !server_peer(c)) {
        server_drop(c);
    } else if (server->connections > SERVER_CONNECTIONS_MAX) {
        c->last = true;
        server_send(c, message_reply_error(NULL, MESSAGE_TOO_BUSY, "too many connections"));
    } else {
        server_continue(c);
    }
}

bool
server_start(struct server *server, uv_loop_t *loop, int fd, struct methods *methods)
{
    memset(server, 0, sizeof *server);
    server->methods = methods;
    uv_pipe_init(loop, &server->listener, 0);
    server->listener.data = server;
    return uv_pipe_open(&server->listener, fd) == 0 &&
           uv_listen((uv_stream_t *)&server->listener, SERVER_BACKLOG, server_on_connection) == 0;
}

void
server_stop(struct server *server)
{
    uv_close((uv_handle_t *)&server->listener, NULL);
    for (struct connection *c = server->first; c != NULL; c = c->next) {
        server_drop(c);
    }
}
