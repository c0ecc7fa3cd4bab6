// SPDX-License-Identifier: MIT
//
// libmicrohttpd in libuv's loop; see http.h. Its epoll set is itself a descriptor that can be
// polled: when it is readable, or a time that the library asks for has come, the library runs.

#include "apexd/http.h"

#include "apexd/http_answer.h"
#include "apexd/log.h"
#include "apexd/scrape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_TICK_MS 250 // how exact deadlines are

struct http_connection {
    struct MHD_Connection *connection;
    struct http_listener *listener;
    struct http_connection *next;
    struct http_connection *previous;
    uint64_t begun_ms; // by the loop's clock
    bool dropped;      // the library has not noticed yet
    bool waits;        // for its turn; the library does nothing with it meanwhile
    bool walks;        // it also waits for a look at all processes
    bool has_turn;
    bool asked;
    uint64_t answered_ms;     // when it got its text
    struct answer_text *text; // that it is being sent; NULL before
};

static void http_on_timer(uv_timer_t *timer);
static void http_on_work(uv_idle_t *idle);

// --- Connections ---------------------------------------------------------------------------------

static int
http_fd(struct http_connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

static void
http_resume(struct http_connection *c)
{
    if (c->waits) {
        c->waits = false;
        MHD_resume_connection(c->connection);
    }
}

// Ends a connection from outside: the library finds it closed the next time it looks, and tells us.
static void
http_drop(struct http_connection *c, const char *why)
{
    if (!c->dropped) {
        log_event(LOG_LEVEL_INFO, "dropped an HTTP connection: %s", why);
        (void)shutdown(http_fd(c), SHUT_RDWR);
        c->dropped = true;
        http_resume(c);
    }
}

// Whether it waits for us, and not we for it. What the library is given it sends after it has let
// in the next ones, and who reads that needs a moment.
static bool
http_is_kept_waiting(const struct http_connection *c)
{
    uint64_t now_ms = uv_now(c->listener->http->loop);

    return c->asked && (c->text == NULL || now_ms - c->answered_ms < HTTP_READING_MS);
}

// The oldest of those that we wait for. Where all wait for us it is the youngest: the oldest is the
// next to be served, and were it to go, nobody would ever be.
static void
http_make_room(struct http_listener *l)
{
    struct http_connection *oldest = NULL;
    struct http_connection *youngest = NULL;

    for (struct http_connection *c = l->first; c != NULL; c = c->next) {
        if (!c->dropped) {
            youngest = c;
            oldest = oldest == NULL && !http_is_kept_waiting(c) ? c : oldest;
        }
    }
    if (oldest != NULL) {
        http_drop(oldest, "others wait, and it is the oldest that does not");
    } else if (youngest != NULL) {
        http_drop(youngest, "too many wait, and it is the last that came");
    }
}

static void
http_link(struct http_listener *l, struct http_connection *c)
{
    c->previous = l->last;
    if (l->last != NULL) {
        l->last->next = c;
    } else {
        l->first = c;
    }
    l->last = c;
    l->connections++;
}

static void
http_unlink(struct http_listener *l, struct http_connection *c)
{
    *(c->previous != NULL ? &c->previous->next : &l->first) = c->next;
    *(c->next != NULL ? &c->next->previous : &l->last) = c->previous;
    l->connections--;
    l->has_closed = true;
    // Only now: the library sends from it.
    answers_release(l->http->answers, ANSWERS_HTTP, c->text);
    free(c);
}

static void
http_on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                   enum MHD_ConnectionNotificationCode code)
{
    struct http_listener *l = context;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context != NULL) {
            http_unlink(l, *socket_context);
        }
        return;
    }
    struct http_connection *c = calloc(1, sizeof *c);
    *socket_context = c; // without one it gets no answer
    if (c == NULL) {
        return;
    }
    if (l->connections >= HTTP_CROWD) {
        http_make_room(l);
    }
    c->connection = connection;
    c->listener = l;
    c->begun_ms = uv_now(l->http->loop);
    http_link(l, c);
}

// --- Requests ------------------------------------------------------------------------------------

static enum MHD_Result
http_on_argument(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct http_request *request = context;

    (void)kind;
    if (request->argument_count < HTTP_ARGUMENTS_MAX) {
        request->argument[request->argument_count].name = name;
        request->argument[request->argument_count].value = value;
    }
    request->argument_count++;
    return MHD_YES;
}

// False when the kernel does not say who is there.
static bool
http_peer(const struct http_listener *l, struct http_connection *c, uid_t *uid)
{
    struct ucred who;
    socklen_t bytes = sizeof who;

    *uid = SCRAPE_NOBODY;
    if (!l->knows_peers) {
        return true;
    }
    if (getsockopt(http_fd(c), SOL_SOCKET, SO_PEERCRED, &who, &bytes) != 0) {
        return false;
    }
    *uid = who.uid;
    return true;
}

// False when the answer takes long, and it is not the turn of this connection: ask again then.
static bool
http_ask(const struct http_listener *l, struct http_connection *c, const char *path,
         const char *method, struct http_answer *answer)
{
    struct answers *answers = l->http->answers;
    struct MHD_Connection *m = c->connection;
    struct http_request request = {
        .path = path,
        .accept = MHD_lookup_connection_value(m, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
        .host = MHD_lookup_connection_value(m, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST),
    };

    MHD_get_connection_values(m, MHD_GET_ARGUMENT_KIND, http_on_argument, &request);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        http_answer_error(answers, answer, MHD_HTTP_METHOD_NOT_ALLOWED, MESSAGE_BAD_REQUEST,
                          "only GET and HEAD are answered");
    } else if (request.argument_count > HTTP_ARGUMENTS_MAX) {
        http_answer_error(answers, answer, MHD_HTTP_BAD_REQUEST, MESSAGE_BAD_PARAMS,
                          "too many parameters");
    } else if (!http_peer(l, c, &request.uid)) {
        http_answer_error(answers, answer, MHD_HTTP_FORBIDDEN, MESSAGE_DENIED,
                          "the kernel does not say who asks");
    } else if (!c->has_turn && http_answer_is_long(answers, &request, &c->walks)) {
        return false;
    } else if (answers->bytes[ANSWERS_HTTP] > HTTP_REPLIES_BYTES_MAX &&
               strcmp(path, "/healthz") != 0) {
        http_answer_error(answers, answer, MHD_HTTP_SERVICE_UNAVAILABLE, MESSAGE_TOO_BUSY,
                          "too many answers wait to be read");
    } else {
        http_answer(answers, &request, answer);
    }
    return true;
}

static void
http_wait(struct http_connection *c)
{
    c->waits = true;
    MHD_suspend_connection(c->connection);
    uv_idle_start(&c->listener->http->work, http_on_work);
}

// Called when the headers are there, and again when the connection has waited. That is all of a
// request we look at: a body is not read, or thrown away, and the connection ends with the answer.
static enum MHD_Result
http_on_request(void *context, struct MHD_Connection *connection, const char *path,
                const char *method, const char *version, const char *data, size_t *data_bytes,
                void **request_context)
{
    struct http_listener *l = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_connection *c = info == NULL ? NULL : info->socket_context;
    struct http_answer answer = {0};

    (void)version;
    (void)data;
    (void)request_context;
    if (c == NULL || c->dropped) {
        return MHD_NO;
    }
    c->asked = true;
    if (*data_bytes != 0) { // of a body: the library may want to be rid of it before it asks again
        *data_bytes = 0;
        return MHD_YES;
    }
    if (!http_ask(l, c, path, method, &answer)) {
        http_wait(c);
        return MHD_YES;
    }
    c->text = answer.text;
    c->answered_ms = uv_now(l->http->loop);
    if (c->text == NULL) {
        return MHD_NO;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(c->text->bytes, c->text->text, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result result = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return result;
}

// --- The loop ------------------------------------------------------------------------------------

static void
http_run(struct http_listener *l)
{
    MHD_UNSIGNED_LONG_LONG wanted_ms;
    uint64_t wait_ms = UINT64_MAX;

    l->has_closed = false;
    MHD_run(l->daemon);
    if (MHD_get_timeout(l->daemon, &wanted_ms) == MHD_YES) {
        wait_ms = wanted_ms;
    }
    if (l->first != NULL && wait_ms > HTTP_TICK_MS) {
        wait_ms = HTTP_TICK_MS;
    }
    // When it had as many as it may have, it looks for the next one only when it runs again.
    if (l->has_closed) {
        wait_ms = 0;
    }
    if (wait_ms == UINT64_MAX) {
        uv_timer_stop(&l->timer);
    } else {
        uv_timer_start(&l->timer, http_on_timer, wait_ms, 0);
    }
}

static void
http_on_timer(uv_timer_t *timer)
{
    struct http_listener *l = timer->data;
    uint64_t now_ms = uv_now(l->http->loop);

    // In the order they came: those behind are younger.
    for (struct http_connection *c = l->first;
         c != NULL && now_ms - c->begun_ms >= HTTP_DEADLINE_MS; c = c->next) {
        http_drop(c, "it takes too long");
    }
    http_run(l);
}

static void
http_on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    http_run(poll->data);
}

// Of those who wait the one that has done so for longest; NULL when nobody does.
static struct http_connection *
http_next(const struct http *http)
{
    struct http_connection *next = NULL;

    for (unsigned i = 0; i < http->count; i++) {
        for (struct http_connection *c = http->listener[i].first; c != NULL; c = c->next) {
            if (c->waits && (next == NULL || c->begun_ms < next->begun_ms)) {
                next = c;
            }
        }
    }
    return next;
}

// All ask again: an answer that was just made may be theirs, too. The others wait on.
static void
http_wake(struct http *http)
{
    for (unsigned i = 0; i < http->count; i++) {
        for (struct http_connection *c = http->listener[i].first; c != NULL; c = c->next) {
            http_resume(c);
        }
        http_run(&http->listener[i]);
    }
}

// One answer, and the same to all who want it; or a step of the look at all processes that it needs
// before.
static void
http_on_work(uv_idle_t *idle)
{
    struct http *http = idle->data;
    struct http_connection *next = http_next(http);

    if (next == NULL) {
        uv_idle_stop(idle);
    } else if (!next->walks || roster_look(http->answers->methods->roster, ANSWERS_STEP_NS)) {
        struct http_listener *l = next->listener;
        bool is_shared = next->walks;
        next->has_turn = true;
        http_resume(next);
        http_run(l);
        if (is_shared) {
            http_wake(http);
        }
    }
}

// --- Start and end -------------------------------------------------------------------------------

void
http_init(struct http *http, uv_loop_t *loop, struct answers *answers)
{
    memset(http, 0, sizeof *http);
    http->loop = loop;
    http->answers = answers;
    uv_idle_init(loop, &http->work);
    http->work.data = http;
}

int
http_loopback(unsigned port, bool six)
{
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 long_one = {.sin6_family = AF_INET6,
                                    .sin6_port = htons((uint16_t)port),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr *address =
        six ? (const struct sockaddr *)&long_one : (const struct sockaddr *)&four;
    socklen_t bytes = six ? sizeof long_one : sizeof four;
    int yes = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    // A daemon that comes back need not wait for connections of the last one to be forgotten.
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if ((six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) != 0) ||
        bind(fd, address, bytes) != 0 || listen(fd, HTTP_CONNECTIONS_MAX) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

bool
http_add(struct http *http, int fd, bool is_unix)
{
    struct http_listener *l = &http->listener[http->count];

    l->http = http;
    l->knows_peers = is_unix;
    l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                                 http_on_request, l, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, l,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_REQUEST_BYTES_MAX,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (l->daemon == NULL) {
        return false;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(http->loop, &l->ready, info->epoll_fd) != 0) {
        MHD_stop_daemon(l->daemon);
        return false;
    }
    uv_timer_init(http->loop, &l->timer);
    l->ready.data = l;
    l->timer.data = l;
    uv_poll_start(&l->ready, UV_READABLE, http_on_ready);
    http->count++;
    return true;
}

void
http_stop(struct http *http)
{
    uv_close((uv_handle_t *)&http->work, NULL);
    for (unsigned i = 0; i < http->count; i++) {
        struct http_listener *l = &http->listener[i];
        uv_close((uv_handle_t *)&l->ready, NULL);
        uv_close((uv_handle_t *)&l->timer, NULL);
        // The library does not stop while any waits.
        for (struct http_connection *c = l->first; c != NULL; c = c->next) {
            c->dropped = true;
            http_resume(c);
        }
        MHD_stop_daemon(l->daemon);
    }
    http->count = 0;
}
