// SPDX-License-Identifier: MIT
//
// Finds apexd and asks it one thing at a time. Errors are told in words on stderr, here, and
// returned as the exit code they lead to; a caller that owns the screen gets the words instead.
// One thread.

#ifndef APEXCTL_CALL_H
#define APEXCTL_CALL_H

#include "apexctl/exit.h"
#include "apexd/proto/message.h"

#include <stdbool.h>
#include <stddef.h>

#define CALL_PATH_BYTES 108
#define CALL_WHY_BYTES 256
#define CALL_WAIT_MS 10000

struct call {
    int fd; // -1 when not connected
    uint64_t id;
    char dir[CALL_PATH_BYTES]; // of the daemon that answers
    bool quiet;                // call_ask says nothing on stderr; false after call_open
    unsigned wait_ms;          // for an answer, at most; CALL_WAIT_MS after call_open
    char why[CALL_WHY_BYTES];  // the words of the last error of call_ask
};

struct call_reply {
    char *line;      // as it came; owned
    const char *raw; // the result in it, digit for digit
    size_t raw_bytes;
    struct message_answer answer;
};

// Looks for a daemon. `runtime_dir`: only there. NULL: in $APEX_RUNTIME_DIR if that is set; else at
// the usual places, then among the private daemons of `apexctl run`.
enum exit_code call_open(struct call *call, const char *runtime_dir);

// The same, without a word on stderr.
enum exit_code call_open_quietly(struct call *call, const char *runtime_dir);

// True when a daemon serves one of the usual places (or `runtime_dir`, or $APEX_RUNTIME_DIR),
// whether or not we may ask it anything. `dir` is where, empty at the usual places.
bool call_is_served(const char *runtime_dir, char dir[CALL_PATH_BYTES]);

// The places where a daemon is looked for, by number from 0 on: only where it was told to (as
// above), or else the usual ones. False when there are no more.
bool call_place(const char *runtime_dir, unsigned i, char dir[CALL_PATH_BYTES]);

// Asks and waits, at most `wait_ms`. `params` may be NULL and is consumed. EXIT_OK: free the reply.
enum exit_code call_ask(struct call *call, enum method method, cJSON *params,
                        struct call_reply *reply);

// Prints the result to stdout as it came, and ends the line.
void call_reply_print(const struct call_reply *reply);

// Leaves it empty; an empty one may be freed again.
void call_reply_free(struct call_reply *reply);
void call_close(struct call *call);

#endif
