// SPDX-License-Identifier: MIT
//
// Requests and replies; see message.h. Parsing is strict for requests (an unknown parameter is
// an error: it may be a mistyped one) and lenient for replies (unknown fields are news from a
// newer daemon).

#include "apexd/proto/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 9007199254740992.0 // 2^53: above it doubles skip whole numbers
#define TEXT_BYTES_MAX 256            // of a stranger's text

const struct message_method message_methods[METHOD_COUNT] = {
#define METHOD(name, text) {#name, text},
#include "apexd/proto/methods.def"
};

const struct message_param message_params[] = {
#define PARAM(method, name, type, required, text) \
    {METHOD_##method, #name, MESSAGE_##type, required, text},
#include "apexd/proto/methods.def"
};

const size_t message_param_count = sizeof message_params / sizeof message_params[0];

static const char *const error_words[MESSAGE_ERROR_COUNT] = {
#define MESSAGE_ERROR_WORD(name, word) [MESSAGE_##name] = word,
    MESSAGE_ERRORS(MESSAGE_ERROR_WORD)};

const char *
message_error_word(enum message_error error)
{
    return error_words[error];
}

enum message_error
message_error_of(const char *word)
{
    for (unsigned i = 0; i < MESSAGE_ERROR_COUNT; i++) {
        if (strcmp(error_words[i], word) == 0) {
            return (enum message_error)i;
        }
    }
    return MESSAGE_INTERNAL;
}

static bool
message_is_whole(const cJSON *item)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= NUMBER_MAX)) {
        return false;
    }
    return item->valuedouble == (double)(uint64_t)item->valuedouble;
}

static const cJSON *
message_find_id(const cJSON *root)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(root, "id");

    if (cJSON_IsString(id)) {
        return strlen(id->valuestring) <= MESSAGE_ID_BYTES_MAX ? id : NULL;
    }
    return cJSON_IsNumber(id) && message_is_whole(id) ? id : NULL;
}

static enum message_error
message_find_method(const cJSON *root, struct message_request *request)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(root, "method");

    if (!cJSON_IsString(name)) {
        return MESSAGE_BAD_REQUEST;
    }
    for (unsigned i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(message_methods[i].name, name->valuestring) == 0) {
            request->method = (enum method)i;
            return MESSAGE_NONE;
        }
    }
    return MESSAGE_UNKNOWN_METHOD;
}

static const struct message_param *
message_find_param(enum method method, const char *name)
{
    for (size_t i = 0; i < message_param_count; i++) {
        if (message_params[i].method == method && strcmp(message_params[i].name, name) == 0) {
            return &message_params[i];
        }
    }
    return NULL;
}

// Static text that says what is wrong with a parameter, or NULL.
static const char *
message_check_type(const cJSON *item, enum message_type type)
{
    switch (type) {
    case MESSAGE_number:
        return message_is_whole(item) ? NULL : "a parameter is not a whole number";
    case MESSAGE_text:
        return cJSON_IsString(item) ? NULL : "a parameter is not text";
    case MESSAGE_flag:
        return cJSON_IsBool(item) ? NULL : "a parameter is not true or false";
    }
    return "a parameter of an unknown type";
}

// The same for all of them.
static const char *
message_check_params(const cJSON *params, enum method method)
{
    const cJSON *item;

    if (params != NULL && !cJSON_IsObject(params)) {
        return "params is not an object";
    }
    cJSON_ArrayForEach(item, params)
    {
        const struct message_param *known = message_find_param(method, item->string);
        if (known == NULL) {
            return "unknown parameter";
        }
        const char *wrong = message_check_type(item, known->type);
        if (wrong != NULL) {
            return wrong;
        }
        if (cJSON_GetObjectItemCaseSensitive(params, item->string) != item) {
            return "a parameter is there twice";
        }
    }
    for (size_t i = 0; i < message_param_count; i++) {
        const struct message_param *p = &message_params[i];
        if (p->method == method && p->required && !cJSON_HasObjectItem(params, p->name)) {
            return "a parameter is missing";
        }
    }
    return NULL;
}

enum message_error
message_parse_request(const char *line, size_t length, struct message_request *request,
                      const char **why)
{
    memset(request, 0, sizeof *request);
    // `true`: nothing may follow the object. The line is terminated by a NUL, which `length`
    // leaves out.
    cJSON *root = memchr(line, '\0', length) != NULL
                      ? NULL
                      : cJSON_ParseWithLengthOpts(line, length + 1, NULL, true);
    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        *why = "the line is not a JSON object";
        return MESSAGE_BAD_REQUEST;
    }
    request->root = root;
    request->id = message_find_id(root);
    if (request->id == NULL && cJSON_HasObjectItem(root, "id")) {
        *why = "id is neither a whole number nor a short text";
        return MESSAGE_BAD_REQUEST;
    }
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(root, "v");
    if (!cJSON_IsNumber(version) || version->valuedouble != MESSAGE_VERSION) {
        *why = "v is not 1, the version this daemon speaks";
        return MESSAGE_BAD_VERSION;
    }
    enum message_error error = message_find_method(root, request);
    if (error != MESSAGE_NONE) {
        *why = error == MESSAGE_BAD_REQUEST ? "method is missing" : "there is no such method";
        return error;
    }
    request->params = cJSON_GetObjectItemCaseSensitive(root, "params");
    *why = message_check_params(request->params, request->method);
    return *why == NULL ? MESSAGE_NONE : MESSAGE_BAD_PARAMS;
}

void
message_request_free(struct message_request *request)
{
    cJSON_Delete(request->root);
    memset(request, 0, sizeof *request);
}

bool
message_param_u64(const struct message_request *request, const char *name, uint64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->params, name);

    if (!cJSON_IsNumber(item)) {
        return false;
    }
    *out = (uint64_t)item->valuedouble;
    return true;
}

const char *
message_param_text(const struct message_request *request, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request->params, name));
}

bool
message_param_flag(const struct message_request *request, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request->params, name));
}

// Prints the envelope and frees it.
static char *
message_print(cJSON *root)
{
    char *text = root == NULL ? NULL : cJSON_PrintUnformatted(root);

    cJSON_Delete(root);
    if (text == NULL) {
        return NULL;
    }
    size_t length = strlen(text);
    char *line = realloc(text, length + 2);
    if (line == NULL) {
        free(text);
        return NULL;
    }
    memcpy(line + length, "\n", 2);
    return line;
}

// {"v":1,"id":…,key:item}; consumes `item`. NULL when memory is short.
static cJSON *
message_envelope(const cJSON *id, const char *key, cJSON *item)
{
    cJSON *root = cJSON_CreateObject();
    bool good = item != NULL && cJSON_AddNumberToObject(root, "v", MESSAGE_VERSION) != NULL;

    if (good && id != NULL) {
        good = cJSON_AddItemToObject(root, "id", cJSON_Duplicate(id, true));
    }
    if (good && cJSON_AddItemToObject(root, key, item)) {
        return root;
    }
    cJSON_Delete(item);
    cJSON_Delete(root);
    return NULL;
}

char *
message_reply_head(const cJSON *id)
{
    static const char rest[] = ",\"result\":";
    cJSON *root = cJSON_CreateObject();
    bool good = cJSON_AddNumberToObject(root, "v", MESSAGE_VERSION) != NULL;

    if (good && id != NULL) {
        good = cJSON_AddItemToObject(root, "id", cJSON_Duplicate(id, true));
    }
    char *text = good ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    size_t length = text == NULL ? 0 : strlen(text);
    char *head = text == NULL ? NULL : realloc(text, length + sizeof rest);
    if (head == NULL) {
        free(text);
        return NULL;
    }
    // In place of the bracket.
    memcpy(head + length - 1, rest, sizeof rest);
    return head;
}

char *
message_reply(const cJSON *id, cJSON *result)
{
    return message_print(message_envelope(id, "result", result));
}

char *
message_reply_error(const cJSON *id, enum message_error error, const char *text)
{
    cJSON *item = cJSON_CreateObject();

    if (cJSON_AddStringToObject(item, "code", message_error_word(error)) == NULL ||
        cJSON_AddStringToObject(item, "message", text) == NULL) {
        cJSON_Delete(item);
        item = NULL;
    }
    return message_print(message_envelope(id, "error", item));
}

char *
message_request_line(uint64_t id, enum method method, cJSON *params)
{
    cJSON *number = cJSON_CreateNumber((double)id);
    cJSON *name = cJSON_CreateString(message_methods[method].name);
    cJSON *root = message_envelope(number, "method", name);

    cJSON_Delete(number);
    if (root == NULL || (params != NULL && !cJSON_AddItemToObject(root, "params", params))) {
        cJSON_Delete(params);
        cJSON_Delete(root);
        return NULL;
    }
    return message_print(root);
}

bool
message_parse_answer(const char *line, size_t length, uint64_t id, struct message_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    answer->root = cJSON_ParseWithLengthOpts(line, length + 1, NULL, true);
    const cJSON *found = message_find_id(answer->root);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer->root, "error");
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(error, "code");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(error, "message");

    // A reply to what the daemon could not read has no id; there is only one request under way.
    if (found != NULL && (!cJSON_IsNumber(found) || (uint64_t)found->valuedouble != id)) {
        message_answer_free(answer);
        return false;
    }
    answer->result = cJSON_GetObjectItemCaseSensitive(answer->root, "result");
    if (answer->result != NULL && found != NULL) {
        return true;
    }
    if (!cJSON_IsString(code) || !cJSON_IsString(text)) {
        message_answer_free(answer);
        return false;
    }
    answer->result = NULL;
    answer->error = message_error_of(code->valuestring);
    answer->text = text->valuestring;
    return true;
}

void
message_answer_free(struct message_answer *answer)
{
    cJSON_Delete(answer->root);
    memset(answer, 0, sizeof *answer);
}

// Behind the text that starts at `at`, which is at a quotation mark.
static size_t
message_skip_text(const char *line, size_t length, size_t at)
{
    for (at++; at < length && line[at] != '"'; at++) {
        at += line[at] == '\\' ? 1 : 0;
    }
    return at + 1;
}

const char *
message_raw_result(const char *line, size_t length, size_t *bytes)
{
    static const char key[] = "\"result\":";
    size_t start = 0;
    unsigned depth = 0;

    for (size_t i = 0; i < length;) {
        if (start == 0 && depth == 1 && strncmp(line + i, key, sizeof key - 1) == 0) {
            i += sizeof key - 1;
            start = i;
        } else if (line[i] == '"') {
            i = message_skip_text(line, length, i);
        } else {
            depth += line[i] == '{' || line[i] == '[' ? 1 : 0;
            depth -= line[i] == '}' || line[i] == ']' ? 1 : 0;
            i++;
            // The result, which is an object, ends where we are back in the envelope.
            if (start != 0 && depth == 1) {
                *bytes = i - start;
                return line + start;
            }
        }
    }
    return NULL;
}

bool
message_add_u64(cJSON *object, const char *name, uint64_t value)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRIu64, value);
    return cJSON_AddRawToObject(object, name, digits) != NULL;
}

// Bytes of the valid UTF-8 character at `s`, of at most `rest` bytes; 0 when it is none or a
// control character. Overlong forms and surrogates are refused.
static size_t
message_character(const unsigned char *s, size_t rest)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (length == 0 || length > rest || s[0] > 0xf4 || s[0] < 0x20 || s[0] == 0x7f) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
        return 0;
    }
    // U+0080 to U+009F: control characters again.
    return s[0] == 0xc2 && s[1] < 0xa0 ? 0 : length;
}

void
message_clean(char *out, size_t capacity, const char *text, size_t length)
{
    length = strnlen(text, length < capacity ? length : capacity - 1);
    for (size_t i = 0; i < length;) {
        size_t bytes = message_character((const unsigned char *)text + i, length - i);
        if (bytes == 0) {
            out[i++] = '?';
        } else {
            memcpy(out + i, text + i, bytes);
            i += bytes;
        }
    }
    out[length] = '\0';
}

bool
message_add_text(cJSON *object, const char *name, const char *text, size_t capacity)
{
    char clean[TEXT_BYTES_MAX + 1];

    message_clean(clean, sizeof clean, text, capacity);
    return cJSON_AddStringToObject(object, name, clean) != NULL;
}
