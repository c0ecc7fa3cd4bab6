// SPDX-License-Identifier: MIT
//
// How a subscription begins; see method_subscribe.h.

#include "apexd/method_subscribe.h"

#include "apexd/reply.h"

#include <string.h>

static const char *const topics[] = {
    [SUBSCRIBE_PROCESSES] = "processes",
    [SUBSCRIBE_STATS] = "stats",
};

enum message_error
method_subscribe_read(const struct message_request *request, struct subscribe_wish *wish,
                      const char **why)
{
    const char *topic = message_param_text(request, "topic");

    memset(wish, 0, sizeof *wish);
    wish->of_one = message_param_u64(request, "pid", &wish->pid);
    wish->interval_ms = SUBSCRIBE_INTERVAL_MS;
    (void)message_param_u64(request, "interval_ms", &wish->interval_ms);
    if (topic != NULL && strcmp(topic, topics[SUBSCRIBE_STATS]) == 0) {
        wish->topic = SUBSCRIBE_STATS;
    } else if (topic == NULL || strcmp(topic, topics[SUBSCRIBE_PROCESSES]) != 0) {
        *why = "topic is processes or stats";
        return MESSAGE_BAD_PARAMS;
    }
    if (wish->of_one && wish->topic != SUBSCRIBE_STATS) {
        *why = "pid goes with the topic stats only";
        return MESSAGE_BAD_PARAMS;
    }
    if (wish->interval_ms < SUBSCRIBE_INTERVAL_MS_MIN ||
        wish->interval_ms > SUBSCRIBE_INTERVAL_MS_MAX) {
        *why = "interval_ms is a number from 100 to 3600000";
        return MESSAGE_BAD_PARAMS;
    }
    return MESSAGE_NONE;
}

cJSON *
method_subscribe_event(const char *boot_id, const char *event, uint64_t sequence, uint64_t dropped)
{
    cJSON *object = reply_begin(boot_id, "apexd.subscribe/1");

    if (cJSON_AddStringToObject(object, "event", event) == NULL ||
        !message_add_u64(object, "sequence", sequence) ||
        !message_add_u64(object, "dropped", dropped)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

cJSON *
method_subscribe_begin(const char *boot_id, const struct subscribe_wish *wish)
{
    cJSON *object = method_subscribe_event(boot_id, "begin", 0, 0);

    if (cJSON_AddStringToObject(object, "topic", topics[wish->topic]) == NULL ||
        !message_add_u64(object, "interval_ms", wish->interval_ms)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}
