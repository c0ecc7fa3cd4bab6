// SPDX-License-Identifier: MIT
//
// What each path of http.sock and of the loopback port answers. No sockets: http.c has those.
//
//   /metrics        text for Prometheus; ?per_process=1
//   /v1/METHOD      the result of a method that changes nothing, as JSON; parameters in the query
//   /healthz        ok
//
// The same people see the same things as on control.sock. Whoever comes over TCP is nobody: the
// kernel does not say who it is, so it is shown what belongs to the host as a whole.

#ifndef APEXD_HTTP_ANSWER_H
#define APEXD_HTTP_ANSWER_H

#include "apexd/answers.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define HTTP_ARGUMENTS_MAX 8

struct http_argument {
    const char *name;
    const char *value; // NULL when there is no `=`
};

struct http_request {
    uid_t uid;          // SCRAPE_NOBODY over TCP
    const char *path;   // without query
    const char *accept; // headers; NULL when absent
    const char *host;
    unsigned argument_count;
    struct http_argument argument[HTTP_ARGUMENTS_MAX];
};

struct http_answer {
    unsigned status;
    const char *type; // Content-Type
    struct answer_text *text; // the caller releases it; NULL when memory is short
};

void http_answer(struct answers *answers, const struct http_request *request,
                 struct http_answer *answer);

// Whether http_answer takes long now: what others have just asked for does not. `*walks`: because
// all processes have to be looked at.
bool http_answer_is_long(struct answers *answers, const struct http_request *request, bool *walks);

// An answer that says what is wrong, as JSON: {"error":{"code":"…","message":"…"}}.
void http_answer_error(struct answers *answers, struct http_answer *answer, unsigned status,
                       enum message_error error, const char *why);

#endif
