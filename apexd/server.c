// SPDX-License-Identifier: MIT
//
// The control socket; see server.h. A connection is always in one of these states, each with a
// deadline:
//
//   IDLE     no part of a line has come        SERVER_IDLE_MS
//   LINE     part of a line has come           SERVER_DEADLINE_MS, however many bytes trickle in
//   WORK     its answer is being prepared      none; nothing is read meanwhile
//   ANSWER   an answer waits to be read        SERVER_DEADLINE_MS; nothing is read meanwhile
//   STREAM   subscribed, between two lines     none; a line from the client ends it
//
// A subscriber that does not read is told later how many lines were left out: of a line that is not
// read yet there is never a second one. It has SERVER_IDLE_MS to read one.

#include "apexd/server.h"

#include "apexd/log.h"
#include "apexd/proto/frame.h"
#include "apexd/reply.h"
#include "apexd/subscribe.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum connection_state {
    CONNECTION_NEW,
    CONNECTION_IDLE,
    CONNECTION_LINE,
    CONNECTION_WORK,
    CONNECTION_ANSWER,
    CONNECTION_STREAM
};

struct connection {
    uv_pipe_t pipe;
    uv_timer_t deadline;
    uv_timer_t tick; // of a subscription
    uv_write_t write;
    struct server *server;
    struct connection *next;
    struct connection *previous;
    enum connection_state state;
    uint64_t entered;   // when it came into this state, by server_clock
    uint64_t turn;      // when it last got an answer that takes long, by server_clock; 0: never
    uint64_t user_turn; // when a connection of its user did
    unsigned passed;    // how many of its user had their turn who came later; while it waits
    unsigned handles;   // that the loop still has
    uid_t uid;
    bool answered; // at least one answer was read
    bool last;     // close after this answer
    bool dropped;
    struct message_request request;    // that is being answered
    char *head;                        // what comes before the text
    struct subscription *subscription; // or NULL
    char *stream_head;                 // what comes before each of its texts
    struct answer_text *text;
    struct frame frame;
    char buffer[FRAME_REQUEST_BYTES_MAX];
};

static uint64_t server_clock; // grows with each change of a state and each turn

static void server_continue(struct connection *c);
static void server_on_work(uv_idle_t *idle);

// --- Life of a connection ------------------------------------------------------------------------

static void
server_release(struct server *server, struct answer_text *text)
{
    answers_release(server->answers, ANSWERS_CONTROL, text);
}

// Takes over `text`, from malloc; NULL for NULL.
static struct answer_text *
server_text(struct server *server, char *text)
{
    return answers_take(server->answers, ANSWERS_CONTROL, text);
}

static void
server_forget_answer(struct connection *c)
{
    free(c->head);
    c->head = NULL;
    server_release(c->server, c->text);
    c->text = NULL;
}

static void
server_on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;

    if (--c->handles > 0) {
        return;
    }
    server_forget_answer(c);
    message_request_free(&c->request);
    subscription_free(c->subscription);
    free(c->stream_head);
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        c->server->first = c->next;
    }
    free(c);
}

static void
server_drop(struct connection *c)
{
    if (!c->dropped) {
        c->dropped = true;
        c->server->connections--;
        uv_close((uv_handle_t *)&c->pipe, server_on_closed);
        uv_close((uv_handle_t *)&c->deadline, server_on_closed);
        uv_close((uv_handle_t *)&c->tick, server_on_closed);
        // A closed stream writes no more.
        server_forget_answer(c);
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
    if (c->state == state) {
        return;
    }
    c->state = state;
    c->entered = ++server_clock;
    if (state == CONNECTION_WORK || state == CONNECTION_STREAM) {
        uv_timer_stop(&c->deadline);
    } else {
        bool patient = state == CONNECTION_IDLE || c->subscription != NULL;
        uv_timer_start(&c->deadline, server_on_deadline,
                       patient ? SERVER_IDLE_MS : SERVER_DEADLINE_MS, 0);
    }
}

// --- Who has to go -------------------------------------------------------------------------------

static void
server_evict(struct connection *c, const char *why)
{
    log_event(LOG_LEVEL_INFO, "dropped a connection of uid %u: %s", (unsigned)c->uid, why);
    if (c->state != CONNECTION_ANSWER) {
        char *line = message_reply_error(NULL, MESSAGE_TOO_BUSY,
                                         "too many connections, and this one has waited longest");
        if (line != NULL) {
            uv_buf_t buffer = uv_buf_init(line, (unsigned)strlen(line));
            (void)uv_try_write((uv_stream_t *)&c->pipe, &buffer, 1);
        }
        free(line);
    }
    server_drop(c);
}

static bool
server_is_served(const struct connection *c)
{
    return c->answered && (c->state == CONNECTION_IDLE || c->state == CONNECTION_LINE ||
                           c->state == CONNECTION_STREAM);
}

// The connection that has waited longest of the largest group; NULL when there is none.
static struct connection *
server_victim(const struct server *server)
{
    struct {
        uid_t uid;
        unsigned count[2];
    } user[SERVER_CONNECTIONS_MAX];
    unsigned users = 0;
    unsigned largest = 0;
    struct connection *victim = NULL;

    for (const struct connection *c = server->first; c != NULL; c = c->next) {
        unsigned at = 0;
        while (at < users && user[at].uid != c->uid) {
            at++;
        }
        if (c->dropped || at == SERVER_CONNECTIONS_MAX) {
            continue;
        }
        if (at == users) {
            user[users].uid = c->uid;
            user[users].count[0] = user[users].count[1] = 0;
            users++;
        }
        unsigned count = ++user[at].count[server_is_served(c) ? 1 : 0];
        largest = count > largest ? count : largest;
    }
    for (struct connection *c = server->first; c != NULL; c = c->next) {
        unsigned at = 0;
        while (at < users && user[at].uid != c->uid) {
            at++;
        }
        if (!c->dropped && at < users && user[at].count[server_is_served(c) ? 1 : 0] == largest &&
            (victim == NULL || c->entered < victim->entered)) {
            victim = c;
        }
    }
    return victim;
}

static bool
server_make_room(void *owner)
{
    struct connection *victim = server_victim(owner);

    if (victim != NULL) {
        server_evict(victim, "others need its place");
    }
    return victim != NULL;
}

// Lets go of those who have not read their answers for longest, while these are too much memory.
static void
server_bound_answers(struct server *server, const struct connection *asker)
{
    while (server->answers->bytes[ANSWERS_CONTROL] > SERVER_REPLIES_BYTES_MAX) {
        struct connection *longest = NULL;
        for (struct connection *c = server->first; c != NULL; c = c->next) {
            if (!c->dropped && c != asker && c->state == CONNECTION_ANSWER &&
                (longest == NULL || c->entered < longest->entered)) {
                longest = c;
            }
        }
        if (longest == NULL) {
            return;
        }
        server_evict(longest, "too many answers wait to be read");
    }
}

static void
server_wait(struct connection *c)
{
    c->passed = 0;
    uv_read_stop((uv_stream_t *)&c->pipe);
    server_enter(c, CONNECTION_WORK);
    uv_idle_start(&c->server->work, server_on_work);
}

// --- Answers -------------------------------------------------------------------------------------

static void
server_on_written(uv_write_t *write, int error)
{
    struct connection *c = write->data;

    server_forget_answer(c);
    c->answered = error == 0;
    if (error != 0 || c->last) {
        server_drop(c);
    } else if (!c->dropped) {
        server_continue(c);
    }
}

// Sends `head`, which it takes over, and the text, of which it takes over one use. Without a head
// the text is a whole line.
static void
server_send(struct connection *c, char *head, struct answer_text *text)
{
    static char end[] = "}\n";
    uv_buf_t parts[3];
    unsigned count = 0;

    c->head = head;
    c->text = text;
    if (text == NULL) {
        server_drop(c);
        return;
    }
    if (head != NULL) {
        parts[count++] = uv_buf_init(head, (unsigned)strlen(head));
    }
    parts[count++] = uv_buf_init(text->text, (unsigned)text->bytes);
    if (head != NULL) {
        parts[count++] = uv_buf_init(end, sizeof end - 1);
    }
    uv_read_stop((uv_stream_t *)&c->pipe);
    server_enter(c, CONNECTION_ANSWER);
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, parts, count, server_on_written) != 0) {
        server_drop(c);
    }
}

static void
server_send_error(struct connection *c, enum message_error error, const char *why)
{
    char *line = message_reply_error(c->request.id, error, why);

    message_request_free(&c->request);
    server_send(c, NULL, server_text(c->server, line));
}

// Sends the result of a request; takes over one use of the text.
static void
server_send_result(struct connection *c, struct answer_text *text)
{
    char *head = text == NULL ? NULL : message_reply_head(c->request.id);

    message_request_free(&c->request);
    if (head == NULL) {
        server_release(c->server, text);
        text = NULL;
    }
    server_send(c, head, text);
}

// Answers the request that the connection has, now.
static void
server_call(struct connection *c)
{
    const char *why = NULL;
    enum message_error error;
    struct answer_text *text =
        answers_get(c->server->answers, ANSWERS_CONTROL, c->uid, &c->request, &error, &why);

    if (error != MESSAGE_NONE) {
        server_send_error(c, error, why);
        return;
    }
    server_bound_answers(c->server, c);
    server_send_result(c, text);
}

// Answers when somebody else has been answered the same just now.
static bool
server_answer_shared(struct connection *c)
{
    struct answer_text *text =
        answers_find(c->server->answers, ANSWERS_CONTROL, c->uid, &c->request);

    if (text != NULL) {
        server_send_result(c, text);
    }
    return text != NULL;
}

// --- Subscriptions -------------------------------------------------------------------------------

// What `stats` says of all processes, for a subscriber; NULL when memory is short.
static struct answer_text *
server_totals(struct server *server, uid_t uid)
{
    const struct message_request request = {.method = METHOD_stats};
    const char *why;
    enum message_error error;

    return answers_get(server->answers, ANSWERS_CONTROL, uid, &request, &error, &why);
}

// The next line of a subscription.
static void
server_send_event(struct connection *c)
{
    bool last = false;
    bool walks = subscription_walks(c->subscription);
    struct answer_text *totals = walks ? server_totals(c->server, c->uid) : NULL;
    cJSON *event = subscription_next(c->subscription, c->server->answers->methods, c->uid,
                                     totals == NULL ? NULL : totals->text, &last);
    char *head = strdup(c->stream_head);

    server_release(c->server, totals);
    c->last = last;
    struct answer_text *text =
        event == NULL ? NULL : server_text(c->server, cJSON_PrintUnformatted(event));
    cJSON_Delete(event);
    if (head == NULL) {
        server_release(c->server, text);
        text = NULL;
    }
    server_bound_answers(c->server, c);
    server_send(c, head, text);
}

static void
server_on_tick(uv_timer_t *timer)
{
    const struct message_request totals = {.method = METHOD_stats};
    struct connection *c = timer->data;

    if (c->state != CONNECTION_STREAM) {
        subscription_drop(c->subscription);
    } else if (!subscription_is_of_one(c->subscription) &&
               answers_is_long(c->server->answers, &totals)) {
        server_wait(c);
    } else {
        server_send_event(c);
    }
}

static bool
server_may_subscribe(const struct server *server, uid_t uid)
{
    unsigned all = 0;
    unsigned of_uid = 0;

    for (const struct connection *c = server->first; c != NULL; c = c->next) {
        if (c->subscription != NULL && !c->dropped) {
            all++;
            of_uid += c->uid == uid ? 1 : 0;
        }
    }
    return all < SERVER_SUBSCRIPTIONS_MAX && of_uid < SERVER_SUBSCRIPTIONS_OF_UID_MAX;
}

// Answers a subscription; the lines follow by the clock.
static void
server_subscribe(struct connection *c)
{
    const char *why = NULL;
    cJSON *result = NULL;

    if (!server_may_subscribe(c->server, c->uid)) {
        server_send_error(c, MESSAGE_TOO_BUSY, "too many subscriptions");
        return;
    }
    enum message_error error =
        methods_call(c->server->answers->methods, c->uid, &c->request, &result, &why);
    if (error != MESSAGE_NONE) {
        server_send_error(c, error, why);
        return;
    }
    c->stream_head = message_reply_head(c->request.id);
    c->subscription = c->stream_head == NULL ? NULL : subscription_new(&c->request);
    if (c->subscription != NULL) {
        uint64_t interval_ms = subscription_interval_ms(c->subscription);
        uv_timer_start(&c->tick, server_on_tick, interval_ms, interval_ms);
    }
    char *printed = c->subscription == NULL ? NULL : cJSON_PrintUnformatted(result);
    cJSON_Delete(result);
    server_send_result(c, server_text(c->server, printed));
}

static void
server_answer(struct connection *c, const char *line, size_t length)
{
    const char *why = NULL;
    enum message_error error = message_parse_request(line, length, &c->request, &why);

    if (error != MESSAGE_NONE) {
        server_send_error(c, error, why);
    } else if (c->request.method == METHOD_subscribe) {
        server_subscribe(c);
    } else if (!answers_is_long(c->server->answers, &c->request)) {
        server_call(c);
    } else if (!server_answer_shared(c)) {
        server_wait(c);
    }
}

// --- Looking at all processes --------------------------------------------------------------------

// Who has had none comes first, and so does who was passed over too often.
static uint64_t
server_turn(const struct connection *c)
{
    return c->passed < SERVER_PASSED_MAX ? c->turn : 0;
}

static bool
server_is_before(const struct connection *a, const struct connection *b)
{
    uint64_t turn_a = server_turn(a);
    uint64_t turn_b = server_turn(b);

    return a->user_turn != b->user_turn ? a->user_turn < b->user_turn
           : turn_a != turn_b           ? turn_a < turn_b
                                        : a->entered < b->entered;
}

// Whose turn it is of those who wait for an answer that takes long; NULL when nobody does.
static struct connection *
server_next(struct server *server)
{
    struct connection *next = NULL;

    for (struct connection *c = server->first; c != NULL; c = c->next) {
        if (!c->dropped && c->state == CONNECTION_WORK &&
            (next == NULL || server_is_before(c, next))) {
            next = c;
        }
    }
    return next;
}

static void
server_took_turn(struct connection *taker)
{
    taker->turn = ++server_clock;
    for (struct connection *c = taker->server->first; c != NULL; c = c->next) {
        if (c->uid == taker->uid) {
            c->user_turn = taker->turn;
            c->passed += c->state == CONNECTION_WORK && c->entered < taker->entered ? 1 : 0;
        }
    }
}

// One answer, and the same to all who want it; or a step of the look at all processes that it needs
// before.
static void
server_on_work(uv_idle_t *idle)
{
    struct server *server = idle->data;
    struct connection *next = server_next(server);

    if (next == NULL) {
        uv_idle_stop(idle);
        return;
    }
    bool walks = next->subscription == NULL ? methods_walks(&next->request)
                                            : subscription_walks(next->subscription);
    if (walks && !roster_look(server->roster, ANSWERS_STEP_NS)) {
        return;
    }
    server_took_turn(next);
    if (next->subscription != NULL) {
        server_send_event(next);
        return;
    }
    server_call(next);
    for (struct connection *c = server->first; c != NULL; c = c->next) {
        if (!c->dropped && c->state == CONNECTION_WORK && c->subscription == NULL) {
            (void)server_answer_shared(c);
        }
    }
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

    if (c->subscription != NULL && frame_partial(&c->frame)) {
        c->last = true;
        server_send_error(c, MESSAGE_BAD_REQUEST,
                          "a connection that is subscribed asks nothing more");
        return;
    }
    switch (frame_next(&c->frame, &line, &length)) {
    case FRAME_LINE:
        server_answer(c, line, length);
        return;
    case FRAME_TOO_LONG:
        c->last = true;
        server_send_error(c, MESSAGE_BAD_REQUEST, "the line is longer than 8192 bytes");
        return;
    case FRAME_NONE:
        break;
    }
    server_enter(c, c->subscription != NULL    ? CONNECTION_STREAM
                    : frame_partial(&c->frame) ? CONNECTION_LINE
                                               : CONNECTION_IDLE);
    int error = uv_read_start((uv_stream_t *)&c->pipe, server_on_buffer, server_on_read);
    if (error != 0 && error != UV_EALREADY) {
        server_drop(c);
    }
}

// --- Connecting ----------------------------------------------------------------------------------

static struct connection *
server_connection(struct server *server, uv_loop_t *loop, uid_t uid)
{
    struct connection *c = calloc(1, sizeof *c);

    if (c == NULL) {
        return NULL;
    }
    // Neither of these can fail.
    uv_pipe_init(loop, &c->pipe, 0);
    uv_timer_init(loop, &c->deadline);
    uv_timer_init(loop, &c->tick);
    c->pipe.data = c;
    c->deadline.data = c;
    c->tick.data = c;
    c->handles = 3;
    c->uid = uid;
    c->server = server;
    for (struct connection *other = server->first; other != NULL; other = other->next) {
        c->user_turn = other->uid == uid ? other->user_turn : c->user_turn;
    }
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
server_welcome(void *owner, int fd)
{
    struct server *server = owner;
    struct ucred who;
    socklen_t bytes = sizeof who;

    if (server->connections >= server->connections_max) {
        (void)server_make_room(server);
    }
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes) == 0;
    struct connection *c = known ? server_connection(server, server->work.loop, who.uid) : NULL;
    if (c == NULL) {
        close(fd);
    } else if (uv_pipe_open(&c->pipe, fd) != 0) {
        close(fd);
        server_drop(c);
    } else {
        server_continue(c);
    }
}

bool
server_start(struct server *server, uv_loop_t *loop, int fd, size_t fd_limit,
             struct answers *answers)
{
    memset(server, 0, sizeof *server);
    server->answers = answers;
    server->roster = answers->methods->roster;
    server->connections_max =
        door_share(fd_limit, 6, SERVER_CONNECTIONS_MIN, SERVER_CONNECTIONS_MAX);
    uv_idle_init(loop, &server->work);
    server->work.data = server;
    return door_start(&server->door, loop, fd, fd_limit, server_welcome, server_make_room, server);
}

void
server_stop(struct server *server)
{
    door_stop(&server->door);
    uv_close((uv_handle_t *)&server->work, NULL);
    for (struct connection *c = server->first; c != NULL; c = c->next) {
        server_drop(c);
    }
}
