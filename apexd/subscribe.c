// SPDX-License-Identifier: MIT
//
// Lines of a subscription; see subscribe.h. They are made of what the methods answer, so that who
// may see what is decided in one place.

#include "apexd/subscribe.h"

#include "apexd/reply.h"

#include <stdlib.h>
#include <string.h>

// A process that the owner was told of.
struct subscription_known {
    pid_t pid;
    uint64_t start_ticks;
};

struct subscription {
    struct subscribe_wish wish;
    uint64_t sequence;
    uint64_t dropped;
    uint64_t start_ticks; // of the one process; 0: not looked up yet
    size_t known_count;
    struct subscription_known *known; // ROSTER_CLIENTS_MAX of them, when the topic needs them
};

struct subscription *
subscription_new(const struct message_request *request)
{
    struct subscription *s = calloc(1, sizeof *s);
    const char *why;

    if (s == NULL) {
        return NULL;
    }
    (void)method_subscribe_read(request, &s->wish, &why);
    if (s->wish.topic == SUBSCRIBE_PROCESSES) {
        s->known = calloc(ROSTER_CLIENTS_MAX, sizeof *s->known);
        if (s->known == NULL) {
            free(s);
            return NULL;
        }
    }
    return s;
}

uint64_t
subscription_interval_ms(const struct subscription *s)
{
    return s->wish.interval_ms;
}

bool
subscription_is_of_one(const struct subscription *s)
{
    return s->wish.of_one;
}

bool
subscription_walks(const struct subscription *s)
{
    return s->wish.topic == SUBSCRIBE_STATS && !s->wish.of_one;
}

void
subscription_drop(struct subscription *s)
{
    s->dropped++;
}

// --- Processes -----------------------------------------------------------------------------------

static bool
subscription_knows(const struct subscription *s, const struct client *client)
{
    for (size_t i = 0; i < s->known_count; i++) {
        if (s->known[i].pid == client->peer.pid) {
            return s->known[i].start_ticks == client->start_ticks;
        }
    }
    return false;
}

// The keys of those that are gone, who are forgotten.
static bool
subscription_put_exited(struct subscription *s, const struct roster *roster, cJSON *array)
{
    char key[CLIENT_KEY_BYTES];
    size_t left = 0;
    bool good = array != NULL;

    for (size_t i = 0; i < s->known_count && good; i++) {
        struct subscription_known known = s->known[i];
        const struct client *client = roster_find(roster, known.pid);
        if (client != NULL && client->start_ticks == known.start_ticks) {
            s->known[left++] = known;
            continue;
        }
        client_format_key(known.pid, known.start_ticks, key);
        cJSON *text = cJSON_CreateString(key);
        good = text != NULL && cJSON_AddItemToArray(array, text);
    }
    s->known_count = good ? left : s->known_count;
    return good;
}

static bool
subscription_put_appeared(struct subscription *s, struct methods *m, uid_t uid, cJSON *array)
{
    struct roster *roster = m->roster;
    unsigned put = 0;
    bool good = array != NULL;

    for (size_t i = 0; i < roster->count && put < SUBSCRIBE_APPEARED_MAX && good; i++) {
        struct client *client = roster->client[i];
        if (!client_may_be_seen(client->peer.uid, uid) || subscription_knows(s, client)) {
            continue;
        }
        cJSON *item = reply_array_object(array);
        good = item != NULL && client_put_identity(item, client);
        s->known[s->known_count++] =
            (struct subscription_known){client->peer.pid, client->start_ticks};
        put++;
    }
    return good;
}

// --- Lines ---------------------------------------------------------------------------------------

// What the method `stats` says of the one process now. `*gone`: there is no such process any more.
static cJSON *
subscription_stats(struct subscription *s, struct methods *m, uid_t uid, bool *gone)
{
    struct message_request request = {.method = METHOD_stats};
    const struct client *client = roster_find(m->roster, (pid_t)s->wish.pid);
    uint64_t start_ticks = client == NULL ? 0 : client->start_ticks;
    cJSON *params = cJSON_CreateObject();
    cJSON *result = NULL;
    const char *why;

    *gone = client == NULL || (s->start_ticks != 0 && s->start_ticks != start_ticks);
    s->start_ticks = start_ticks;
    if (!*gone && cJSON_AddNumberToObject(params, "pid", (double)s->wish.pid) != NULL) {
        request.params = params;
        enum message_error error = methods_call(m, uid, &request, &result, &why);
        *gone = error == MESSAGE_NO_SUCH_PROCESS || error == MESSAGE_DENIED;
    }
    cJSON_Delete(params);
    return result;
}

static bool
subscription_put_processes(struct subscription *s, struct methods *m, uid_t uid, cJSON *object)
{
    roster_sweep(m->roster, reply_now_ns(CLOCK_MONOTONIC));
    return subscription_put_exited(s, m->roster, cJSON_AddArrayToObject(object, "exited")) &&
           subscription_put_appeared(s, m, uid, cJSON_AddArrayToObject(object, "appeared")) &&
           message_add_u64(object, "known", s->known_count);
}

cJSON *
subscription_next(struct subscription *s, struct methods *m, uid_t uid, const char *totals,
                  bool *last)
{
    bool of_stats = s->wish.topic == SUBSCRIBE_STATS;
    cJSON *stats = NULL;

    *last = false;
    s->sequence++;
    if (subscription_walks(s)) {
        stats = totals == NULL ? NULL : cJSON_CreateRaw(totals);
    } else if (of_stats) {
        stats = subscription_stats(s, m, uid, last);
    }
    const char *event = !of_stats ? "processes" : *last ? "exited" : "stats";
    cJSON *object = method_subscribe_event(m->boot_id, event, s->sequence, s->dropped);
    bool good = object != NULL;
    if (good && !of_stats) {
        good = subscription_put_processes(s, m, uid, object);
    } else if (good && !*last) {
        good = stats != NULL && cJSON_AddItemToObject(object, "stats", stats);
        stats = good ? NULL : stats;
    }
    cJSON_Delete(stats);
    if (!good) {
        cJSON_Delete(object);
        object = NULL;
    }
    return object;
}

void
subscription_free(struct subscription *s)
{
    if (s != NULL) {
        free(s->known);
        free(s);
    }
}
