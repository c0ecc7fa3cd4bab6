// SPDX-License-Identifier: MIT
//
// Paths to answers; see http_answer.h. A query becomes the request that control.sock would have
// been sent, and is held against methods.def by the same function.

#include "apexd/http_answer.h"

#include "apexd/scrape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON "application/json"
#define PLAIN "text/plain; charset=utf-8"
#define PREFIX "/v1/"
#define METRICS_PATH "/metrics"

// A link that a browser follows must not change anything, so methods are named here one by one.
static const enum method http_methods[] = {
    METHOD_hello, METHOD_stats,    METHOD_processes, METHOD_map,     METHOD_frag,    METHOD_ctl,
    METHOD_rules, METHOD_topology, METHOD_numa,      METHOD_metrics, METHOD_profile,
};

static unsigned
http_answer_status(enum message_error error)
{
    switch (error) {
    case MESSAGE_NONE:
        return 200;
    case MESSAGE_UNKNOWN_METHOD:
    case MESSAGE_NO_SUCH_PROCESS:
        return 404;
    case MESSAGE_DENIED:
        return 403;
    case MESSAGE_TOO_BUSY:
        return 503;
    case MESSAGE_INTERNAL:
        return 500;
    default:
        return 400;
    }
}

// Takes over one use of the text.
static void
http_answer_set(struct http_answer *answer, unsigned status, const char *type,
                struct answer_text *text)
{
    *answer = (struct http_answer){.status = status, .type = type, .text = text};
}

// Takes over `text`, from malloc.
static struct answer_text *
http_answer_text(struct answers *answers, char *text)
{
    return answers_take(answers, ANSWERS_HTTP, text);
}

void
http_answer_error(struct answers *answers, struct http_answer *answer, unsigned status,
                  enum message_error error, const char *why)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *object = cJSON_AddObjectToObject(root, "error");

    cJSON_AddStringToObject(object, "code", message_error_word(error));
    cJSON_AddStringToObject(object, "message", why);
    http_answer_set(answer, status, JSON, http_answer_text(answers, cJSON_PrintUnformatted(root)));
    cJSON_Delete(root);
}

// --- Arguments -----------------------------------------------------------------------------------

static bool
http_answer_number(const char *text, double *number)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *number = (double)value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static bool
http_answer_flag(const char *text, bool *flag)
{
    *flag = text == NULL || text[0] == '\0' || strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
    return *flag || strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
}

// Adds one argument in the type that the method wants. What does not look like that, or is not
// known, goes in as text, so that it is refused as it would be on control.sock.
static void
http_answer_argument(cJSON *params, enum method method, const struct http_argument *argument)
{
    enum message_type type = MESSAGE_text;
    double number;
    bool flag;

    for (size_t i = 0; i < message_param_count; i++) {
        if (message_params[i].method == method &&
            strcmp(message_params[i].name, argument->name) == 0) {
            type = message_params[i].type;
        }
    }
    const char *value = argument->value == NULL ? "" : argument->value;
    if (type == MESSAGE_number && http_answer_number(value, &number)) {
        cJSON_AddNumberToObject(params, argument->name, number);
    } else if (type == MESSAGE_flag && http_answer_flag(argument->value, &flag)) {
        cJSON_AddBoolToObject(params, argument->name, flag);
    } else {
        cJSON_AddStringToObject(params, argument->name, value);
    }
}

// The request as methods.c wants it. Give it to message_request_free in either case.
static enum message_error
http_answer_parse(const struct http_request *http, enum method method,
                  struct message_request *request, const char **why)
{
    cJSON *params = cJSON_CreateObject();

    for (unsigned i = 0; i < http->argument_count; i++) {
        http_answer_argument(params, method, &http->argument[i]);
    }
    memset(request, 0, sizeof *request);
    char *line = message_request_line(0, method, params);
    if (line == NULL) {
        *why = "the daemon is short of memory";
        return MESSAGE_INTERNAL;
    }
    line[strcspn(line, "\n")] = '\0';
    enum message_error error = message_parse_request(line, strlen(line), request, why);
    free(line);
    // Not even whether there are such: or anybody could find out which programs run.
    if (error == MESSAGE_NONE && http->uid == SCRAPE_NOBODY &&
        (cJSON_HasObjectItem(request->params, "pid") ||
         cJSON_HasObjectItem(request->params, "match"))) {
        *why = "nobody is told of single processes by this port; http.sock and apexctl do that";
        error = MESSAGE_DENIED;
    }
    return error;
}

// --- Paths ---------------------------------------------------------------------------------------

static void
http_answer_method(struct answers *answers, const struct http_request *http, enum method method,
                   struct http_answer *answer)
{
    struct message_request request;
    struct answer_text *text = NULL;
    const char *why = NULL;
    enum message_error error = http_answer_parse(http, method, &request, &why);

    if (error == MESSAGE_NONE) {
        text = answers_get(answers, ANSWERS_HTTP, http->uid, &request, &error, &why);
    }
    if (error == MESSAGE_NONE) {
        http_answer_set(answer, 200, JSON, text);
    } else {
        http_answer_error(answers, answer, http_answer_status(error), error, why);
    }
    message_request_free(&request);
}

static struct scrape_options
http_answer_scrape(const struct methods *m, const struct http_request *http,
                   const struct message_request *request)
{
    bool open = message_param_flag(request, "openmetrics");

    return (struct scrape_options){
        .uid = http->uid,
        .per_process = message_param_flag(request, "per_process"),
        .format = open ? METRICS_OPENMETRICS : metrics_choose(http->accept),
        .started_ns = m->started_ns,
    };
}

static void
http_answer_metrics(struct answers *answers, const struct http_request *http,
                    struct http_answer *answer)
{
    struct methods *m = answers->methods;
    struct message_request request;
    const char *why = NULL;
    enum message_error error = http_answer_parse(http, METHOD_metrics, &request, &why);

    if (error == MESSAGE_NONE) {
        struct scrape_options options = http_answer_scrape(m, http, &request);
        const char *text = scrape(&m->scrapes, m->roster, &options);
        http_answer_set(answer, 200, metrics_content_type(options.format),
                        http_answer_text(answers, text == NULL ? NULL : strdup(text)));
    } else {
        http_answer_error(answers, answer, http_answer_status(error), error, why);
    }
    message_request_free(&request);
}

// A page on the web can have its name mean 127.0.0.1, and would then read what we answer. The
// name is in the request, though, and is none of ours.
static bool
http_answer_is_our_name(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);
        if (strncasecmp(host, names[i], length) == 0 &&
            (host[length] == '\0' || host[length] == ':')) {
            return true;
        }
    }
    return false;
}

// Over the port, somebody who knows us by another name.
static bool
http_answer_is_foreign(const struct http_request *http)
{
    return http->uid == SCRAPE_NOBODY && http->host != NULL && !http_answer_is_our_name(http->host);
}

// The method that a path names: METHOD_COUNT when it names none that HTTP has.
static enum method
http_answer_find(const char *path)
{
    if (strcmp(path, METRICS_PATH) == 0) {
        return METHOD_metrics;
    }
    for (size_t i = 0; i < sizeof http_methods / sizeof http_methods[0]; i++) {
        if (strncmp(path, PREFIX, strlen(PREFIX)) == 0 &&
            strcmp(message_methods[http_methods[i]].name, path + strlen(PREFIX)) == 0) {
            return http_methods[i];
        }
    }
    return METHOD_COUNT;
}

// Whether there is a text of a moment ago for the same request.
static bool
http_answer_is_kept(struct answers *answers, const struct http_request *http,
                    const struct message_request *request)
{
    if (strcmp(http->path, METRICS_PATH) == 0) {
        struct scrape_options options = http_answer_scrape(answers->methods, http, request);
        return scrape_is_kept(&answers->methods->scrapes, &options);
    }
    struct answer_text *text = answers_find(answers, ANSWERS_HTTP, http->uid, request);
    answers_release(answers, ANSWERS_HTTP, text);
    return text != NULL;
}

bool
http_answer_is_long(struct answers *answers, const struct http_request *http, bool *walks)
{
    enum method method = http_answer_find(http->path);
    struct message_request request;
    const char *why;

    *walks = false;
    if (method == METHOD_COUNT || http_answer_is_foreign(http)) {
        return false;
    }
    bool is_long = http_answer_parse(http, method, &request, &why) == MESSAGE_NONE &&
                   answers_is_long(answers, &request) &&
                   !http_answer_is_kept(answers, http, &request);
    *walks = is_long && methods_walks(&request);
    message_request_free(&request);
    return is_long;
}

void
http_answer(struct answers *answers, const struct http_request *request, struct http_answer *answer)
{
    enum method method = http_answer_find(request->path);

    if (http_answer_is_foreign(request)) {
        http_answer_error(answers, answer, 403, MESSAGE_DENIED, "this daemon is called localhost");
    } else if (strcmp(request->path, "/healthz") == 0) {
        http_answer_set(answer, 200, PLAIN, http_answer_text(answers, strdup("ok\n")));
    } else if (strcmp(request->path, METRICS_PATH) == 0) {
        http_answer_metrics(answers, request, answer);
    } else if (method != METHOD_COUNT) {
        http_answer_method(answers, request, method, answer);
    } else {
        http_answer_error(
            answers, answer, 404, MESSAGE_UNKNOWN_METHOD,
            "there are /metrics, /healthz, and /v1/ with a method that changes nothing");
    }
}
