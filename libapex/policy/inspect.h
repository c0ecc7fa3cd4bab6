// SPDX-License-Identifier: MIT
//
// A last look at a heap. Overflows are found when the object is freed (hardened profile), and
// writes to freed memory when it is allocated again; what a program never frees and never gets
// again would be found by nobody. So when a process ends, its last thread looks at the chunks that
// it has: in the fast profile at links and marks of those that are free.

#ifndef APEX_POLICY_INSPECT_H
#define APEX_POLICY_INSPECT_H

#include "policy/heap.h"

// Takes what is in the inbox of `heap`, looks at as many of its chunks as have `bytes_max`
// together, and raises a fault for each link, header, canary or zero that is not as it was left. No
// other thread may be freeing chunks of this heap meanwhile. The calling thread's own heap.
void inspect_heap(struct heap *heap, size_t bytes_max);

#endif
