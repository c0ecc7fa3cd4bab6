// SPDX-License-Identifier: MIT
//
// The methods `tune` and `rules`: options of running processes, and of those to come. One thread.

#ifndef APEXD_METHOD_TUNE_H
#define APEXD_METHOD_TUNE_H

#include "apexd/proto/message.h"
#include "apexd/roster.h"

#include <cjson/cJSON.h>
#include <sys/types.h>

// Shows, sets, resets and purges. A process is changed by root and by its own user; the rules by
// root and by the user of the daemon. As methods_call (methods.h); `*why` holds until the next
// call.
enum message_error method_tune(struct roster *roster, const char *boot_id, uid_t uid,
                               const struct message_request *request, cJSON **result,
                               const char **why);

// Shows the rules.
enum message_error method_rules(struct roster *roster, const char *boot_id, uid_t uid,
                                const struct message_request *request, cJSON **result,
                                const char **why);

#endif
