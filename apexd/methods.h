// SPDX-License-Identifier: MIT
//
// What the daemon answers: one small function for each row of proto/methods.def, from the
// roster and the topology to JSON. No I/O but reading pages and /proc. One thread.
//
// Who may see what: everybody who can open the socket gets totals over all processes, topology and
// hello; a single process is shown to root and to its own user only. Addresses are in the
// replies of `map` and of `profile` only, where a map or a stack would say nothing without.

#ifndef APEXD_METHODS_H
#define APEXD_METHODS_H

#include "apexd/advisor.h"
#include "apexd/proto/message.h"
#include "apexd/roster.h"
#include "apexd/scrape.h"
#include "apexd/topology.h"

#include <sys/types.h>

struct methods {
    struct roster *roster;
    struct advisor *advisor;
    const struct topology *topology;
    const char *runtime_dir;
    struct scrape_cache scrapes;
    uint64_t started_ns; // CLOCK_MONOTONIC
    uint64_t turn_ns;    // processor time of the longest turn of the loop so far
    char boot_id[40];    // of the kernel; with pid and start time it names a process for good
};

// Reads what does not change while the daemon runs. The pointers must outlive `m`.
void methods_init(struct methods *m, struct roster *roster, struct advisor *advisor,
                  const struct topology *topology, const char *runtime_dir);

// Whether the answer takes a look at all processes, and changes nothing.
bool methods_walks(const struct message_request *request);

// Whether it takes the longer the more processes there are.
bool methods_is_of_many(const struct message_request *request);

// Whether it goes through all that the page of one process says, which may be 16 MiB.
bool methods_is_of_page(const struct message_request *request);

void methods_free(struct methods *m);

// Answers a request that message_parse_request accepted, for a caller with this uid. MESSAGE_NONE:
// `*result` is the caller's. Otherwise `*why` (static) says what is wrong.
enum message_error methods_call(struct methods *m, uid_t uid, const struct message_request *request,
                                cJSON **result, const char **why);

#endif
