// SPDX-License-Identifier: MIT
//
// A subscription: what its owner has been told, and the next line for it. Its memory is bounded:
// the processes that it knows, and no line in advance. One thread.

#ifndef APEXD_SUBSCRIBE_H
#define APEXD_SUBSCRIBE_H

#include "apexd/method_subscribe.h"
#include "apexd/methods.h"

#include <stdbool.h>
#include <stdint.h>

#define SUBSCRIBE_APPEARED_MAX 256u // processes in one line; the others are in the next

struct subscription;

// For a request that methods_call has answered. NULL when memory is short.
struct subscription *subscription_new(const struct message_request *request);

uint64_t subscription_interval_ms(const struct subscription *s);

// Whether it is about one process: the next line takes no time worth waiting for one's turn.
bool subscription_is_of_one(const struct subscription *s);

// Whether the next line takes a look at all processes.
bool subscription_walks(const struct subscription *s);

// One line was left out.
void subscription_drop(struct subscription *s);

// The next line, for a caller with this uid; NULL when memory is short. `totals` is what `stats`
// says of all processes, as text, for a subscription that walks. `*last`: there will be no more
// lines.
cJSON *subscription_next(struct subscription *s, struct methods *m, uid_t uid, const char *totals,
                         bool *last);

void subscription_free(struct subscription *s);

#endif
