// SPDX-License-Identifier: MIT
//
// Requests and replies of the control socket (docs/protocol.md) to and from cJSON. No I/O.
// Strings that are returned belong to the caller, who frees them with free(). One thread.
//
//   request  {"v":1,"id":7,"method":"stats","params":{"pid":42}}
//   reply    {"v":1,"id":7,"result":{…}}   or   {"v":1,"id":7,"error":{"code":"…","message":"…"}}

#ifndef APEXD_PROTO_MESSAGE_H
#define APEXD_PROTO_MESSAGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_VERSION 1
#define MESSAGE_ID_BYTES_MAX 64 // of an id that is text

enum method {
#define METHOD(name, text) METHOD_##name,
#include "apexd/proto/methods.def"
    METHOD_COUNT
};

// What can go wrong, by the code that goes over the wire.
#define MESSAGE_ERRORS(ERROR)                 \
    ERROR(NONE, "none")                       \
    ERROR(BAD_REQUEST, "bad_request")         \
    ERROR(BAD_VERSION, "bad_version")         \
    ERROR(UNKNOWN_METHOD, "unknown_method")   \
    ERROR(BAD_PARAMS, "bad_params")           \
    ERROR(DENIED, "denied")                   \
    ERROR(NO_SUCH_PROCESS, "no_such_process") \
    ERROR(TOO_BUSY, "too_busy")               \
    ERROR(INTERNAL, "internal")

enum message_error {
#define MESSAGE_ERROR_ENUM(name, word) MESSAGE_##name,
    MESSAGE_ERRORS(MESSAGE_ERROR_ENUM)
#undef MESSAGE_ERROR_ENUM
        MESSAGE_ERROR_COUNT
};

struct message_method {
    const char *name;
    const char *text;
};

enum message_type { MESSAGE_number, MESSAGE_text, MESSAGE_flag };

struct message_param {
    enum method method;
    const char *name;
    enum message_type type;
    bool required;
    const char *text;
};

extern const struct message_method message_methods[METHOD_COUNT];
extern const struct message_param message_params[];
extern const size_t message_param_count;

const char *message_error_word(enum message_error error);

// MESSAGE_INTERNAL for words that are not in the table: a newer daemon may have more.
enum message_error message_error_of(const char *word);

struct message_request {
    cJSON *root;         // owns all below; NULL when the line was no JSON object
    const cJSON *id;     // number or text, or NULL
    const cJSON *params; // an object that fits methods.def, or NULL
    enum method method;
};

// Takes a request apart and checks it against methods.def. On error `*why` (static text) says
// what is wrong, and `request->id` is what could be found of it. Give the request to
// message_request_free in either case.
enum message_error message_parse_request(const char *line, size_t length,
                                         struct message_request *request, const char **why);
void message_request_free(struct message_request *request);

// A number among the parameters: false when it is absent. Values that are no whole number in
// [0, 2^53] were refused by message_parse_request.
bool message_param_u64(const struct message_request *request, const char *name, uint64_t *out);

// A text among the parameters, NULL when it is absent. It belongs to the request.
const char *message_param_text(const struct message_request *request, const char *name);

// True when the flag is there and true.
bool message_param_flag(const struct message_request *request, const char *name);

// One line with its newline; NULL when memory is short. message_reply consumes `result`. The head
// is what such a line has before the text of the result, after which there are only `}` and
// newline.
char *message_reply_head(const cJSON *id);
char *message_reply(const cJSON *id, cJSON *result);
char *message_reply_error(const cJSON *id, enum message_error error, const char *text);

// The client's side. `params` may be NULL and is consumed.
char *message_request_line(uint64_t id, enum method method, cJSON *params);

struct message_answer {
    cJSON *root;              // owns the rest
    const cJSON *result;      // NULL when there was an error
    enum message_error error; // MESSAGE_NONE when there is a result
    const char *text;         // of the error, for people
};

// False when the line is no reply to request `id`.
bool message_parse_answer(const char *line, size_t length, uint64_t id,
                          struct message_answer *answer);
void message_answer_free(struct message_answer *answer);

// The text of the result in a line that message_parse_answer accepted, so that a program that
// only passes it on loses no digit of a number that a double cannot hold. NULL when there is
// none.
const char *message_raw_result(const char *line, size_t length, size_t *bytes);

// All 64 bits, where cJSON's own numbers are doubles. False when memory is short.
bool message_add_u64(cJSON *object, const char *name, uint64_t value);

// Text from a stranger, of at most `length` bytes or up to a NUL, made fit to be shown: what is not
// valid UTF-8, or is a control character, becomes `?`. Cut to `capacity - 1` bytes.
void message_clean(char *out, size_t capacity, const char *text, size_t length);

// The same, into an object. False when memory is short.
bool message_add_text(cJSON *object, const char *name, const char *text, size_t capacity);

#endif
