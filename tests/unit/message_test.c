// SPDX-License-Identifier: MIT
//
// Unit test of apexd/proto/message.c: requests taken apart and refused, replies built and read,
// 64-bit numbers, strangers' text. Reason: this is what stands between a line of bytes and the
// daemon.

#include "apexd/proto/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum message_error
parse(const char *line, struct message_request *request)
{
    const char *why = NULL;
    enum message_error error = message_parse_request(line, strlen(line), request, &why);

    assert_int_equal(error == MESSAGE_NONE, why == NULL);
    return error;
}

static void
test_request(void **state)
{
    struct message_request request;
    uint64_t pid = 0;

    (void)state;
    assert_int_equal(
        parse("{\"v\":1,\"id\":7,\"method\":\"stats\",\"params\":{\"pid\":42}}", &request),
        MESSAGE_NONE);
    assert_int_equal(request.method, METHOD_stats);
    assert_int_equal(request.id->valueint, 7);
    assert_true(message_param_u64(&request, "pid", &pid));
    assert_int_equal(pid, 42);
    assert_false(message_param_u64(&request, "other", &pid));
    message_request_free(&request);
    assert_int_equal(parse(" { \"method\" : \"hello\" , \"v\" : 1 } \r", &request), MESSAGE_NONE);
    assert_null(request.id);
    assert_null(request.params);
    assert_false(message_param_u64(&request, "pid", &pid));
    message_request_free(&request);
}

static void
test_every_method_is_known(void **state)
{
    static const char *const values[] = {
        [MESSAGE_number] = "1", [MESSAGE_text] = "\"x\"", [MESSAGE_flag] = "true"};
    char params[128];
    char line[256];
    struct message_request request;

    (void)state;
    for (unsigned i = 0; i < METHOD_COUNT; i++) {
        size_t length = 0;
        params[0] = '\0';
        for (size_t p = 0; p < message_param_count; p++) {
            if (message_params[p].method == i && message_params[p].required) {
                length += (size_t)snprintf(params + length, sizeof params - length, "%s\"%s\":%s",
                                           length == 0 ? "" : ",", message_params[p].name,
                                           values[message_params[p].type]);
            }
        }
        snprintf(line, sizeof line, "{\"v\":1,\"method\":\"%s\",\"params\":{%s}}",
                 message_methods[i].name, params);
        assert_int_equal(parse(line, &request), MESSAGE_NONE);
        assert_int_equal(request.method, i);
        assert_true(strlen(message_methods[i].text) > 10);
        message_request_free(&request);
    }
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *line;
        enum message_error error;
        int has_id;
    } cases[] = {
        {"", MESSAGE_BAD_REQUEST, 0},
        {"null", MESSAGE_BAD_REQUEST, 0},
        {"[1]", MESSAGE_BAD_REQUEST, 0},
        {"{\"v\":1,\"method\":\"stats\"}x", MESSAGE_BAD_REQUEST, 0},
        {"{\"v\":1,\"method\":\"stats\"", MESSAGE_BAD_REQUEST, 0},
        {"{\"id\":3,\"method\":\"stats\"}", MESSAGE_BAD_VERSION, 1},
        {"{\"v\":\"1\",\"id\":3,\"method\":\"stats\"}", MESSAGE_BAD_VERSION, 1},
        {"{\"v\":1,\"id\":3}", MESSAGE_BAD_REQUEST, 1},
        {"{\"v\":1,\"id\":3,\"method\":\"Stats\"}", MESSAGE_UNKNOWN_METHOD, 1},
        {"{\"v\":1,\"id\":[],\"method\":\"stats\"}", MESSAGE_BAD_REQUEST, 0},
        {"{\"v\":1,\"id\":9007199254740994,\"method\":\"stats\"}", MESSAGE_BAD_REQUEST, 0},
        {"{\"v\":1,\"id\":3,\"method\":\"stats\",\"params\":7}", MESSAGE_BAD_PARAMS, 1},
        {"{\"v\":1,\"id\":3,\"method\":\"stats\",\"params\":{\"x\":7}}", MESSAGE_BAD_PARAMS, 1},
        {"{\"v\":1,\"id\":3,\"method\":\"stats\",\"params\":{\"pid\":0.5}}", MESSAGE_BAD_PARAMS, 1},
        {"{\"v\":1,\"id\":3,\"method\":\"stats\",\"params\":{\"pid\":null}}", MESSAGE_BAD_PARAMS,
         1},
        {"{\"v\":1,\"id\":3,\"method\":\"hello\",\"params\":{\"pid\":1}}", MESSAGE_BAD_PARAMS, 1},
    };
    struct message_request request;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].line, &request), cases[i].error);
        assert_int_equal(request.id != NULL, cases[i].has_id);
        message_request_free(&request);
    }
}

static void
test_nul_inside(void **state)
{
    static const char line[] = "{\"v\":1,\"method\":\"stats\"}\0garbage";
    struct message_request request;
    const char *why;

    (void)state;
    assert_int_equal(message_parse_request(line, sizeof line - 1, &request, &why),
                     MESSAGE_BAD_REQUEST);
    message_request_free(&request);
}

static void
test_replies(void **state)
{
    struct message_answer answer;
    struct message_request request;
    cJSON *result = cJSON_CreateObject();
    size_t bytes;

    (void)state;
    assert_true(message_add_u64(result, "most", UINT64_MAX));
    parse("{\"v\":1,\"id\":\"a\\\"b\",\"method\":\"hello\"}", &request);
    char *line = message_reply(request.id, result);
    assert_string_equal(line,
                        "{\"v\":1,\"id\":\"a\\\"b\",\"result\":{\"most\":18446744073709551615}}\n");
    // The number arrives digit for digit, where a double would round it.
    const char *raw = message_raw_result(line, strlen(line) - 1, &bytes);
    assert_int_equal(bytes, strlen("{\"most\":18446744073709551615}"));
    assert_memory_equal(raw, "{\"most\":18446744073709551615}", bytes);
    free(line);
    message_request_free(&request);
    line = message_reply_error(NULL, MESSAGE_DENIED, "no");
    assert_string_equal(line, "{\"v\":1,\"error\":{\"code\":\"denied\",\"message\":\"no\"}}\n");
    line[strlen(line) - 1] = '\0';
    assert_true(message_parse_answer(line, strlen(line), 5, &answer));
    assert_int_equal(answer.error, MESSAGE_DENIED);
    assert_string_equal(answer.text, "no");
    assert_null(message_raw_result(line, strlen(line), &bytes));
    message_answer_free(&answer);
    free(line);
}

static void
test_round_trip(void **state)
{
    struct message_request request;
    struct message_answer answer;
    cJSON *params = cJSON_CreateObject();
    const char *why;

    (void)state;
    message_add_u64(params, "pid", 1234567890);
    char *line = message_request_line(99, METHOD_stats, params);
    assert_int_equal(line[strlen(line) - 1], '\n');
    line[strlen(line) - 1] = '\0';
    assert_int_equal(message_parse_request(line, strlen(line), &request, &why), MESSAGE_NONE);
    free(line);
    line = message_reply(request.id, cJSON_CreateObject());
    line[strlen(line) - 1] = '\0';
    assert_true(message_parse_answer(line, strlen(line), 99, &answer));
    assert_int_equal(answer.error, MESSAGE_NONE);
    assert_non_null(answer.result);
    message_answer_free(&answer);
    assert_false(message_parse_answer(line, strlen(line), 98, &answer));
    assert_null(answer.root);
    free(line);
    message_request_free(&request);
}

static void
test_answers_that_are_none(void **state)
{
    static const char *const lines[] = {"",
                                        "x",
                                        "[]",
                                        "{}",
                                        "{\"v\":1,\"id\":1}",
                                        "{\"v\":1,\"id\":1,\"error\":{}}",
                                        "{\"v\":1,\"id\":1,\"error\":\"denied\"}",
                                        "{\"v\":1,\"result\":{}}"};
    struct message_answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_false(message_parse_answer(lines[i], strlen(lines[i]), 1, &answer));
        assert_null(answer.root);
    }
}

static void
test_raw_result(void **state)
{
    static const char decoy[] = "{\"v\":1,\"x\":\"\\\"result\\\":{1}\",\"y\":{\"result\":{\"a\":1}}"
                                ",\"result\":{\"b\":[{},\"}\"]}}";
    size_t bytes;

    (void)state;
    const char *raw = message_raw_result(decoy, strlen(decoy), &bytes);
    assert_non_null(raw);
    assert_int_equal(bytes, strlen("{\"b\":[{},\"}\"]}"));
    assert_memory_equal(raw, "{\"b\":[{},\"}\"]}", bytes);
    for (size_t length = 0; length < strlen(decoy) - 1; length++) {
        assert_null(message_raw_result(decoy, length, &bytes));
    }
}

static void
test_errors_have_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MESSAGE_ERROR_COUNT; i++) {
        assert_int_equal(message_error_of(message_error_word((enum message_error)i)), i);
    }
    assert_int_equal(message_error_of("from_the_future"), MESSAGE_INTERNAL);
}

static void
test_strangers_text(void **state)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {"plain", "plain"},
        {"a\tb\n\x1b[0m\x7f", "a?b??[0m?"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc3", "?"},                     // cut off
        {"\xc0\x80\xe0\x80\x80", "?????"}, // overlong
        {"\xed\xa0\x80", "???"},           // a surrogate
        {"\xf4\x90\x80\x80", "????"},      // beyond Unicode
        {"\xff\xfe", "??"},
        {"\xc2\x9b", "??"}, // a control character of two bytes
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cJSON *object = cJSON_CreateObject();
        assert_true(message_add_text(object, "t", cases[i].text, 64));
        assert_string_equal(cJSON_GetObjectItem(object, "t")->valuestring, cases[i].wanted);
        cJSON_Delete(object);
    }
    // Not terminated: the capacity ends it.
    cJSON *object = cJSON_CreateObject();
    assert_true(message_add_text(object, "t", "abcdef", 3));
    assert_string_equal(cJSON_GetObjectItem(object, "t")->valuestring, "abc");
    cJSON_Delete(object);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_every_method_is_known),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nul_inside),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_answers_that_are_none),
        cmocka_unit_test(test_raw_result),
        cmocka_unit_test(test_errors_have_words),
        cmocka_unit_test(test_strangers_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
