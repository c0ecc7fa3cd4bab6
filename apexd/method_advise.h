// SPDX-License-Identifier: MIT
//
// The method `advise`: advice on NUMA for processes; to apply it, and to take it back. One thread.

#ifndef APEXD_METHOD_ADVISE_H
#define APEXD_METHOD_ADVISE_H

#include "apexd/advisor.h"
#include "apexd/proto/message.h"

#include <cjson/cJSON.h>
#include <sys/types.h>

// A process's advice is shown to, applied and taken back by root and its own user. As methods_call
// (methods.h); `*why` holds until the next call.
enum message_error method_advise(struct advisor *advisor, const char *boot_id, uid_t uid,
                                 const struct message_request *request, cJSON **result,
                                 const char **why);

#endif
