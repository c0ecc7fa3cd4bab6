// SPDX-License-Identifier: MIT
//
// apexd/proto/message.c, and the methods behind it: whatever line comes, it is answered by one line
// that a client can take apart, with the id it came with; and whatever line a daemon sends, a
// client takes it apart or refuses it.

#include "target.h"

#include "apexd/methods.h"

#include <string.h>

static struct roster roster;
static struct topology topology;
static struct advisor advisor;
static struct methods methods;

void
target_start(void)
{
    roster_init(&roster, 1, 4096);
    advisor_init(&advisor, &roster, &topology, NULL, false);
    methods_init(&methods, &roster, &advisor, &topology, "/run");
}

static void
message_check_request(const struct message_request *request)
{
    const cJSON *item;

    TARGET_CHECK(request->method < METHOD_COUNT);
    TARGET_CHECK(request->id == NULL || cJSON_IsNumber(request->id) ||
                 strlen(cJSON_GetStringValue(request->id)) <= MESSAGE_ID_BYTES_MAX);
    cJSON_ArrayForEach(item, request->params)
    {
        uint64_t number;
        TARGET_CHECK(item->string != NULL);
        if (cJSON_IsNumber(item)) {
            TARGET_CHECK(message_param_u64(request, item->string, &number));
            TARGET_CHECK(number <= UINT64_C(1) << 53);
        } else if (cJSON_IsString(item)) {
            TARGET_CHECK(message_param_text(request, item->string) != NULL);
        } else {
            TARGET_CHECK(message_param_flag(request, item->string) == cJSON_IsTrue(item));
        }
    }
}

// One line, JSON, with the id of the request.
static void
message_check_reply(const char *reply, const cJSON *id)
{
    TARGET_CHECK(reply != NULL);
    size_t length = strlen(reply);
    TARGET_CHECK(length > 1 && strchr(reply, '\n') == reply + length - 1);
    cJSON *root = cJSON_Parse(reply);
    TARGET_CHECK(cJSON_IsObject(root));
    TARGET_CHECK(cJSON_Compare(cJSON_GetObjectItemCaseSensitive(root, "id"), id, true) ||
                 id == NULL);
    TARGET_CHECK(cJSON_HasObjectItem(root, "result") != cJSON_HasObjectItem(root, "error"));
    cJSON_Delete(root);
}

static void
message_as_request(const char *line, size_t length)
{
    struct message_request request;
    const char *why = NULL;
    cJSON *result = NULL;
    enum message_error error = message_parse_request(line, length, &request, &why);

    if (error == MESSAGE_NONE) {
        message_check_request(&request);
        error = methods_call(&methods, 65534, &request, &result, &why);
    }
    TARGET_CHECK(error == MESSAGE_NONE || why != NULL);
    char *reply = error == MESSAGE_NONE ? message_reply(request.id, result)
                                        : message_reply_error(request.id, error, why);
    message_check_reply(reply, request.id);
    free(reply);
    message_request_free(&request);
}

static void
message_as_answer(const char *line, size_t length)
{
    struct message_answer answer;
    size_t bytes;

    if (message_parse_answer(line, length, 7, &answer)) {
        TARGET_CHECK((answer.result != NULL) != (answer.text != NULL));
        const char *raw = message_raw_result(line, length, &bytes);
        TARGET_CHECK(raw == NULL || (raw >= line && raw + bytes <= line + length));
        message_answer_free(&answer);
    }
}

static void
message_as_text(const char *text, size_t bytes)
{
    cJSON *object = cJSON_CreateObject();

    TARGET_CHECK(message_add_text(object, "text", text, bytes));
    char *reply = message_reply(NULL, object);
    message_check_reply(reply, NULL);
    free(reply);
}

void
target_run(const uint8_t *data, size_t bytes)
{
    // As frame.c hands it out: a NUL in place of the newline, and not a byte more.
    char *line = malloc(bytes + 1);

    TARGET_CHECK(line != NULL);
    if (bytes > 0) {
        memcpy(line, data, bytes);
    }
    line[bytes] = '\0';
    message_as_request(line, bytes);
    message_as_answer(line, bytes);
    message_as_text(line, bytes);
    free(line);
}

size_t
target_seed(unsigned index, uint8_t *out)
{
    static const char *const seeds[] = {
        "{\"v\":1,\"id\":7,\"method\":\"stats\",\"params\":{\"pid\":4711}}",
        "{\"v\":1,\"id\":\"a b\",\"method\":\"hello\",\"params\":{}}",
        "{\"v\":1,\"id\":7,\"result\":{\"a\":[1,2,{\"b\":\"}\\\"\"}],\"n\":18446744073709551615}}",
        "{\"v\":1,\"id\":7,\"error\":{\"code\":\"denied\",\"message\":\"no\"}}",
        "{\"v\":1,\"error\":{\"code\":\"too_busy\",\"message\":\"\\u00e4\\ud83d\\ude00\"}}",
        "[[[[{\"v\":1e0,\"id\":-0,\"method\":null,\"params\":[true,false]}]]]]",
        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\x80\xc0\xaf\x7f\x1b[31m",
    };
    const size_t fixed = sizeof seeds / sizeof seeds[0];
    int length;

    if (index < fixed) {
        length = snprintf((char *)out, TARGET_BYTES_MAX, "%s", seeds[index]);
    } else if (index < fixed + message_param_count) {
        const struct message_param *p = &message_params[index - fixed];
        const char *value = p->type == MESSAGE_number ? "1"
                            : p->type == MESSAGE_text ? "\"x\""
                                                      : "true";
        length = snprintf((char *)out, TARGET_BYTES_MAX,
                          "{\"v\":1,\"id\":7,\"method\":\"%s\",\"params\":{\"%s\":%s}}",
                          message_methods[p->method].name, p->name, value);
    } else if (index < fixed + message_param_count + METHOD_COUNT) {
        length = snprintf((char *)out, TARGET_BYTES_MAX, "{\"v\":1,\"id\":7,\"method\":\"%s\"}",
                          message_methods[index - fixed - message_param_count].name);
    } else {
        return 0;
    }
    return (size_t)length;
}
