// SPDX-License-Identifier: MIT
//
// The method `ctl`: what the stats page of a process knows, under the names that apex_ctl() has for
// it in the process. One thread.

#ifndef APEXD_METHOD_CTL_H
#define APEXD_METHOD_CTL_H

#include "apexd/client.h"
#include "apexd/proto/message.h"

#include <cjson/cJSON.h>

// The leaf that the request names, or all. The caller has found out that the client may be shown.
// As methods_call (methods.h).
enum message_error method_ctl(const struct client *client, const struct page_snapshot *s,
                              const char *boot_id, const struct message_request *request,
                              cJSON **result, const char **why);

#endif
