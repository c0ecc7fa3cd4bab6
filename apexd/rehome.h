// SPDX-License-Identifier: MIT
//
// Moves pages of a process to the NUMA node where they belong, from outside and a little at a time:
// acting mode only, and for processes only that have asked for it or for which a person has. The
// kernel moves what this process alone uses (MPOL_MF_MOVE: shared pages stay), to nodes only that
// its cpuset allows, and asks of us CAP_SYS_PTRACE and CAP_SYS_NICE, or that the process is our
// user's. Nothing is lost when it refuses: a page that is not moved is used where it is. The
// addresses are a stranger's word, and the kernel applies them to that stranger alone. One thread.

#ifndef APEXD_REHOME_H
#define APEXD_REHOME_H

#include "apexd/client.h"

#include <stdbool.h>
#include <stdint.h>

#define REHOME_STEP_MS 32
#define REHOME_STEP_PAGES 512u // fewer where a step takes long
#define REHOME_STEP_BYTES ((uint64_t)REHOME_STEP_PAGES * 4096) // 64 MiB/s; pages may be larger
#define REHOME_STEP_PAGES_MIN 32u // in the first step: nobody knows yet how long one takes
#define REHOME_STEP_NS UINT64_C(8000000) // a step that takes longer is followed by half of one
#define REHOME_HOME UINT32_MAX // as a target: each superblock where its page says it belongs

// Work on one process. All zeros: none.
struct rehome {
    bool on;
    uint32_t target; // a node as the kernel numbers it, or REHOME_HOME
    unsigned pages;  // in the next step
    uint32_t row;    // superblocks first, then large objects
    uint64_t offset; // in what the row names
    uint64_t moved;  // pages, of all that was begun
    uint64_t refused;
    int error; // errno of the call that ended it; 0: none has
};

// From the first row on. What was counted before goes on, and so does the pace.
void rehome_begin(struct rehome *work, uint32_t target);

// Looks at REHOME_STEP_PAGES pages at most and moves those that are elsewhere. False when that was
// the last, or the kernel refuses altogether.
bool rehome_step(struct rehome *work, const struct client *client);

#endif
