// SPDX-License-Identifier: MIT
//
// The method `map`: every block of a process, and its large objects, with their addresses. So it is
// for those only who may see the process, which the caller has made sure of. One thread.

#ifndef APEXD_METHOD_MAP_H
#define APEXD_METHOD_MAP_H

#include "apexd/client.h"
#include "apexd/proto/message.h"

#include <cjson/cJSON.h>

#define METHOD_MAP_ROWS_MAX 4096 // superblocks in one reply: 2.5 MiB of text

// As methods_call (methods.h), about this process. NULL when memory is short.
enum message_error method_map(const struct client *client, const struct page_snapshot *snapshot,
                              const char *boot_id, const struct message_request *request,
                              cJSON **result, const char **why);

#endif
