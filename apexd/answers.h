// SPDX-License-Identifier: MIT
//
// Results of methods as text. One about all processes is handed out to all of one user who ask for
// the same within CLIENT_SNAPSHOT_NS: where there are thousands it takes tens of milliseconds and
// megabytes. For both sockets, and each has its own bound for what waits to be read: a text counts
// once for each side that holds it, however many there are sent it. One thread.

#ifndef APEXD_ANSWERS_H
#define APEXD_ANSWERS_H

#include "apexd/methods.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWERS_SHARED_MAX 8 // kept for those who ask the same
#define ANSWERS_KEY_BYTES 64 // of parameters that are compared for that
#define ANSWERS_STEP_NS UINT64_C(4000000) // of looking at processes, before others get their turn
#define ANSWERS_KEPT_BYTES_MAX ((size_t)4 << 20) // beyond it only what is being sent is kept

// Who holds a text: connections of control.sock, those by HTTP, and we, for those who come next.
enum answers_side { ANSWERS_CONTROL, ANSWERS_HTTP, ANSWERS_KEPT, ANSWERS_SIDES };

// The text of a result or of an error, for all who are being sent it.
struct answer_text {
    unsigned uses[ANSWERS_SIDES];
    size_t bytes; // without the NUL
    char *text;
};

struct answers_shared {
    enum method method;
    uid_t uid;
    char params[ANSWERS_KEY_BYTES];
    uint64_t made_ns;
    struct answer_text *text; // NULL when the place is free
};

struct answers {
    struct methods *methods;
    size_t bytes[ANSWERS_SIDES]; // of the texts that each holds
    struct answers_shared shared[ANSWERS_SHARED_MAX];
};

// `methods` must outlive it.
void answers_init(struct answers *answers, struct methods *methods);

// Whether the answer may take so long that others should be served first; and if it is about all
// processes, these be looked at in steps before.
bool answers_is_long(const struct answers *answers, const struct message_request *request);

// One use of an answer that was given to the same request a moment ago; NULL when there is none, or
// a new one takes no time worth saving.
struct answer_text *answers_find(struct answers *answers, enum answers_side side, uid_t uid,
                                 const struct message_request *request);

// The same, or a new one. NULL with an error, or with MESSAGE_NONE when memory is short.
struct answer_text *answers_get(struct answers *answers, enum answers_side side, uid_t uid,
                                const struct message_request *request, enum message_error *error,
                                const char **why);

// Takes over `text`, from malloc. NULL when it is NULL or memory is short.
struct answer_text *answers_take(struct answers *answers, enum answers_side side, char *text);

// One use less; nothing for NULL.
void answers_release(struct answers *answers, enum answers_side side, struct answer_text *text);

// Lets go of answers that are too old to be handed out again: they are only memory.
void answers_tidy(struct answers *answers, uint64_t now_ns);

#endif
