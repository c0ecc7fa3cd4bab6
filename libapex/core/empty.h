// SPDX-License-Identifier: MIT
//
// Objects of no bytes: malloc(0). Each has an address of its own, 16 bytes from the next, in memory
// that cannot be read or written, so that the first access to one faults. What is known of them is
// kept apart. An address is not used again before all others of its 4 MiB have been. Any thread; a
// lock.

#ifndef APEX_CORE_EMPTY_H
#define APEX_CORE_EMPTY_H

#include <stdbool.h>

// `kind` below EMPTY_KINDS is what empty_kind will tell. NULL when there is no memory, or when
// EMPTY_REGIONS_MAX * 229376 objects are live.
void *empty_alloc(unsigned kind);

#define EMPTY_KINDS 4u
#define EMPTY_REGIONS_MAX 64u

// The kind of the live object at `p`, which lies in memory that the registry calls EMPTY; negative
// when there is none.
int empty_kind(const void *p);

// False when another thread was faster.
bool empty_free(void *p);

// The live object that follows `p`, in no particular order, or for NULL the first; NULL when there
// is none. `p` may have been freed meanwhile.
void *empty_next(const void *p);

void empty_fork_prepare(void);
void empty_fork_parent(void);
void empty_fork_child(void);

#endif
