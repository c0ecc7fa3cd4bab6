// SPDX-License-Identifier: MIT
//
// The method `profile`: the stacks that allocate in one process, what they have allocated, what of
// it is live and for how long, and the mappings that say which code the addresses are. One thread.

#ifndef APEXD_METHOD_PROFILE_H
#define APEXD_METHOD_PROFILE_H

#include "apexd/client.h"

#include <cjson/cJSON.h>
#include <stdint.h>

#define METHOD_PROFILE_STACKS_MAX 1024 // those with most live, then with most allocated
#define METHOD_PROFILE_MAPPINGS_MAX 1024

// The result, which is the caller's; NULL when memory is short. The caller of the method may see
// this client.
cJSON *method_profile(struct client *client, const char *boot_id, uint64_t now_ns);

#endif
