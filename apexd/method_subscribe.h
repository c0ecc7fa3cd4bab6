// SPDX-License-Identifier: MIT
//
// The method `subscribe`: what is wished for, and the answer that begins it. What comes afterwards
// is made by subscribe.h and sent by the server. One thread.

#ifndef APEXD_METHOD_SUBSCRIBE_H
#define APEXD_METHOD_SUBSCRIBE_H

#include "apexd/proto/message.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define SUBSCRIBE_INTERVAL_MS 1000 // if the request does not say
#define SUBSCRIBE_INTERVAL_MS_MIN 100
#define SUBSCRIBE_INTERVAL_MS_MAX 3600000

enum subscribe_topic { SUBSCRIBE_PROCESSES, SUBSCRIBE_STATS };

struct subscribe_wish {
    enum subscribe_topic topic;
    bool of_one; // process; else of all
    uint64_t pid;
    uint64_t interval_ms;
};

// Takes the parameters apart. MESSAGE_BAD_PARAMS with a sentence in `*why` (static) when they make
// no sense together.
enum message_error method_subscribe_read(const struct message_request *request,
                                         struct subscribe_wish *wish, const char **why);

// The head of every line: which event, which number it has, how many before it were left out
// because the one before was still being sent. NULL when memory is short.
cJSON *method_subscribe_event(const char *boot_id, const char *event, uint64_t sequence,
                              uint64_t dropped);

// The first line. NULL when memory is short.
cJSON *method_subscribe_begin(const char *boot_id, const struct subscribe_wish *wish);

#endif
