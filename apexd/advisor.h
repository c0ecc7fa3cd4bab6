// SPDX-License-Identifier: MIT
//
// Advice on NUMA in the running daemon: has pictures taken of all processes, lets apexd/policy.c
// judge them, and in acting mode follows it, for processes that a rule has opted in. A person's
// wish to apply or to take back comes here as well. One thread.
//
// In force is, for one process, one piece of advice at most: options (apexd/tune.h), shares of
// nodes and requests on its advice page. All of it ends with the daemon's heartbeat.

#ifndef APEXD_ADVISOR_H
#define APEXD_ADVISOR_H

#include "apexd/policy.h"
#include "apexd/rehome.h"
#include "apexd/roster.h"

#include <stdbool.h>
#include <stdint.h>

#define ADVISOR_PICTURE_NS UINT64_C(10000000000) // between two pictures of one process
#define ADVISOR_LOOKS_MAX 64u                    // pictures taken in one beat; others in the next

// Of one process; client->advisor.
struct advisor_memory {
    uint64_t shape; // of the machine when the picture was taken: which nodes it has
    struct picture picture;
    struct policy_state state;
    struct policy_advice force; // what is in force, while state.force.on
    struct rehome rehome;
    bool issued[POLICY_KIND_COUNT]; // counted as such
};

// Where pictures come from: apexd/placement.h, or a test.
struct advisor_source {
    void (*host)(const struct topology *topology, struct picture_host *host);
    // `goes_on`: counters are since the last picture that was taken so.
    void (*picture)(struct client *client, const struct topology *topology, bool goes_on,
                    uint64_t now_ns, struct picture *out);
};

struct advisor {
    bool acts;
    const struct advisor_source *source;
    const struct topology *topology;
    size_t next; // in the roster
    uint64_t host_ns;
    struct picture_host host;
    struct policy_list list; // of the process looked at last
    struct roster *roster;
};

// All of them must outlive it; `topology` and `roster` may change while it is not called. Without a
// `source` nothing is known of any process but its size and age.
void advisor_init(struct advisor *advisor, struct roster *roster, const struct topology *topology,
                  const struct advisor_source *source, bool acts);

// Once a second. Does nothing on a machine with one node.
void advisor_beat(struct advisor *advisor, uint64_t now_ns);

// The advice for one process, from a picture that is recent; its memory is in client->advisor
// afterwards. NULL when memory is short. Holds until the next call.
const struct policy_list *advisor_look(struct advisor *advisor, struct client *client,
                                       uint64_t now_ns);

// Static text that says why this cannot be done for the process, or NULL.
const char *advisor_wrong(const struct client *client, const struct policy_advice *advice);

// False with static text in `why` when it cannot be done; then what was in force stays. Else this
// is in its place, by one change of the advice page: no process finds neither of the two. The
// advice must come from advisor_look().
bool advisor_apply(struct advisor *advisor, struct client *client,
                   const struct policy_advice *advice, bool by_user, uint64_t now_ns,
                   const char **why);

// Takes back what is in force; false when nothing is.
bool advisor_revert(struct advisor *advisor, struct client *client, bool failed, uint64_t now_ns);

// Moves pages for about REHOME_STEP_MS. False when there is no such work.
bool advisor_move(struct advisor *advisor);

#endif
