// SPDX-License-Identifier: MIT
//
// The method `frag`: what apexd/frag.h finds about one process, which the caller may see. One
// thread.

#ifndef APEXD_METHOD_FRAG_H
#define APEXD_METHOD_FRAG_H

#include "apexd/client.h"
#include "apexd/proto/message.h"

#include <cjson/cJSON.h>

// As methods_call (methods.h). NULL when memory is short.
enum message_error method_frag(const struct client *client, const struct page_snapshot *snapshot,
                               const char *boot_id, cJSON **result);

#endif
