// SPDX-License-Identifier: MIT
//
// The method `numa`: the pictures of processes (apexd/picture.h). One thread.

#ifndef APEXD_METHOD_NUMA_H
#define APEXD_METHOD_NUMA_H

#include "apexd/proto/message.h"
#include "apexd/roster.h"
#include "apexd/topology.h"

#include <sys/types.h>

#define METHOD_NUMA_ALL_MAX 256  // processes in a reply about all: those with the largest heaps
#define METHOD_NUMA_MATCH_MAX 64 // in one about those that match, which costs a look at /proc each

// Answers for a caller with this uid. MESSAGE_NONE: `*result` is the caller's, NULL when memory is
// short. Otherwise `*why` (static) says what is wrong.
enum message_error method_numa(struct roster *roster, const struct topology *t, const char *boot_id,
                               uid_t uid, const struct message_request *request, cJSON **result,
                               const char **why);

#endif
