// SPDX-License-Identifier: MIT
//
// The part of the quarantine that all threads share (hardened profile). What a thread can keep no
// longer, since its pens hold too many bytes or since it exits, waits here further, among what
// other threads freed, and leaves at random. Scudo and AddressSanitizer have such a second stage as
// well; there all that is freed goes through it. Here what merely leaves a full pen does not: it
// would be freed by whichever thread came by, and travel back to its block's owner as a message.
//
// Any thread; a lock. Chunks in it count as allocated, as in policy/quarantine.h.

#ifndef APEX_POLICY_QUARANTINE_GLOBAL_H
#define APEX_POLICY_QUARANTINE_GLOBAL_H

#include "policy/quarantine.h"

#define QUARANTINE_GLOBAL_SLOTS 512u
#define QUARANTINE_GLOBAL_SHARE 2 // times the option `quarantine`, by quarantine_weight()

// Puts in a chunk that is marked as QUARANTINED, or none when it is NULL. Returns one that has to
// leave, chosen at random; NULL when none has. Call it with NULL until then.
struct chunk *quarantine_global_put(struct chunk *chunk, struct rng *rng);

// Takes any out. NULL when none is in it.
struct chunk *quarantine_global_take(struct rng *rng);

// Around fork. The child keeps what is in it.
void quarantine_global_fork_prepare(void);
void quarantine_global_fork_parent(void);
void quarantine_global_fork_child(void);

#endif
