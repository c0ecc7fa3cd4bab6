// SPDX-License-Identifier: MIT
//
// Results as text, made once for many; see answers.h.

#include "apexd/answers.h"

#include "apexd/reply.h"

#include <stdlib.h>
#include <string.h>

// Below so many processes looking at all of them takes no time worth dividing.
#define AT_ONCE_MAX 64

void
answers_init(struct answers *answers, struct methods *methods)
{
    memset(answers, 0, sizeof *answers);
    answers->methods = methods;
}

static bool
answers_is_crowded(const struct answers *answers)
{
    return answers->methods->roster->count > AT_ONCE_MAX;
}

bool
answers_is_long(const struct answers *answers, const struct message_request *request)
{
    return methods_is_of_page(request) ||
           (answers_is_crowded(answers) && methods_is_of_many(request));
}

static void
answers_hold(struct answers *answers, enum answers_side side, struct answer_text *text)
{
    answers->bytes[side] += text->uses[side]++ == 0 ? text->bytes : 0;
}

struct answer_text *
answers_take(struct answers *answers, enum answers_side side, char *text)
{
    struct answer_text *made = text == NULL ? NULL : malloc(sizeof *made);

    if (made == NULL) {
        free(text);
        return NULL;
    }
    *made = (struct answer_text){.bytes = strlen(text), .text = text};
    answers_hold(answers, side, made);
    return made;
}

// Whether some connection still has it.
static bool
answers_is_sent(const struct answer_text *text)
{
    return text->uses[ANSWERS_CONTROL] != 0 || text->uses[ANSWERS_HTTP] != 0;
}

void
answers_release(struct answers *answers, enum answers_side side, struct answer_text *text)
{
    if (text == NULL || --text->uses[side] != 0) {
        return;
    }
    answers->bytes[side] -= text->bytes;
    if (!answers_is_sent(text) && text->uses[ANSWERS_KEPT] == 0) {
        free(text->text);
        free(text);
    }
}

// --- For all who ask the same --------------------------------------------------------------------

static bool
answers_is_fresh(const struct answers_shared *s, uint64_t now_ns)
{
    return s->text != NULL && now_ns - s->made_ns < CLIENT_SNAPSHOT_NS;
}

// By what an answer is found again: the parameters as text. False when the request is not about all
// processes, or says too much.
static bool
answers_key(const struct message_request *request, char key[ANSWERS_KEY_BYTES])
{
    cJSON *params = (cJSON *)(uintptr_t)request->params;

    key[0] = '\0';
    return methods_walks(request) &&
           (cJSON_GetArraySize(params) == 0 ||
            cJSON_PrintPreallocated(params, key, ANSWERS_KEY_BYTES, false));
}

static bool
answers_is_of(const struct answers_shared *s, uid_t uid, enum method method, const char *key)
{
    return s->text != NULL && s->uid == uid && s->method == method && strcmp(s->params, key) == 0;
}

struct answer_text *
answers_find(struct answers *answers, enum answers_side side, uid_t uid,
             const struct message_request *request)
{
    uint64_t now_ns = reply_now_ns(CLOCK_MONOTONIC);
    char key[ANSWERS_KEY_BYTES];

    if (!answers_is_crowded(answers) || !answers_key(request, key)) {
        return NULL;
    }
    for (unsigned i = 0; i < ANSWERS_SHARED_MAX; i++) {
        struct answers_shared *s = &answers->shared[i];
        if (answers_is_of(s, uid, request->method, key) && answers_is_fresh(s, now_ns)) {
            answers_hold(answers, side, s->text);
            return s->text;
        }
    }
    return NULL;
}

static void
answers_forget(struct answers *answers, struct answers_shared *s)
{
    answers_release(answers, ANSWERS_KEPT, s->text);
    s->text = NULL;
}

// Lets go of those that nobody is being sent.
static void
answers_spare(struct answers *answers)
{
    for (unsigned i = 0; i < ANSWERS_SHARED_MAX; i++) {
        struct answers_shared *s = &answers->shared[i];
        if (s->text != NULL && !answers_is_sent(s->text)) {
            answers_forget(answers, s);
        }
    }
}

// Keeps a text, if others may be given it: in the place of the last answer to the same, or of the
// oldest.
static void
answers_keep(struct answers *answers, uid_t uid, const struct message_request *request,
             struct answer_text *text)
{
    struct answers_shared *place = &answers->shared[0];
    struct answers_shared made = {.method = request->method,
                                  .uid = uid,
                                  .made_ns = reply_now_ns(CLOCK_MONOTONIC),
                                  .text = text};

    if (!answers_is_crowded(answers) || !answers_key(request, made.params)) {
        return;
    }
    for (unsigned i = 0; i < ANSWERS_SHARED_MAX; i++) {
        struct answers_shared *s = &answers->shared[i];
        if (answers_is_of(s, uid, request->method, made.params)) {
            place = s;
            break;
        }
        if (place->text != NULL && (s->text == NULL || s->made_ns < place->made_ns)) {
            place = s;
        }
    }
    answers_forget(answers, place);
    answers_hold(answers, ANSWERS_KEPT, text);
    *place = made;
    if (answers->bytes[ANSWERS_KEPT] > ANSWERS_KEPT_BYTES_MAX) {
        answers_spare(answers);
    }
}

struct answer_text *
answers_get(struct answers *answers, enum answers_side side, uid_t uid,
            const struct message_request *request, enum message_error *error, const char **why)
{
    struct answer_text *text = answers_find(answers, side, uid, request);
    cJSON *result = NULL;

    *error = MESSAGE_NONE;
    if (text != NULL) {
        return text;
    }
    *error = methods_call(answers->methods, uid, request, &result, why);
    text = result == NULL ? NULL : answers_take(answers, side, cJSON_PrintUnformatted(result));
    cJSON_Delete(result);
    if (text != NULL) {
        answers_keep(answers, uid, request, text);
    }
    return text;
}

void
answers_tidy(struct answers *answers, uint64_t now_ns)
{
    for (unsigned i = 0; i < ANSWERS_SHARED_MAX; i++) {
        struct answers_shared *s = &answers->shared[i];
        if (!answers_is_fresh(s, now_ns)) {
            answers_forget(answers, s);
        }
    }
}
