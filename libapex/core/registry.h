// SPDX-License-Identifier: MIT
//
// Which addresses are ours: answered from the address alone, without touching the memory there.
//
// One byte for each 4 MiB of the user address space says what begins there; the kernel backs only
// the pages of the map that are in use. For large objects a radix tree leads from the address to
// the record.
//
// Readers need no lock. A byte is set before the first pointer into its range is handed out and
// cleared after the last object there was freed, so a valid pointer always finds it: the
// program's own synchronisation, with which the pointer travelled, carries the byte along. (Writers
// have a lock in the hardened profile, where pages are opened for them.)

#ifndef APEX_CORE_REGISTRY_H
#define APEX_CORE_REGISTRY_H

#include "base/atomic.h"
#include "base/constants.h"
#include "core/geometry.h"

#include <stdbool.h>

enum registry_kind {
    REGISTRY_NONE = 0,       // not ours
    REGISTRY_SUPERBLOCK = 1, // blocks and runs
    REGISTRY_LARGE = 2,      // the first 4 MiB of a large object, or all of it
    REGISTRY_LARGE_REST = 3, // further 4 MiB of a large object
    REGISTRY_EMPTY = 4,      // addresses of objects of no bytes (core/empty.h)
};

#define REGISTRY_COUNT (UINT64_C(1) << (ADDRESS_BITS - SUPERBLOCK_SHIFT))

extern uint8_t registry_map[REGISTRY_COUNT];

// `p` may be anything at all. Bits above the user address space are ignored here and in
// geometry_superblock_base; block_chunk_index() finds them.
FAST enum registry_kind
registry_kind_of(const void *p)
{
    return load_fast(&registry_map[((uintptr_t)p >> SUPERBLOCK_SHIFT) & (REGISTRY_COUNT - 1)]);
}

// True if `p` is a user address, which the map covers without aliases.
FAST bool
registry_covers(const void *p)
{
    return (uintptr_t)p >> ADDRESS_BITS == 0;
}

// The first 4 MiB of the large object to which the 4 MiB around `p` belong, which are LARGE or
// LARGE_REST.
const void *registry_large_start(const void *p);

// Once at start: keeps the map in small pages. It is touched in a few places far apart, and where
// huge pages are the rule each of them would cost 2 MiB.
void registry_start(void);

// From here on the map and the root are read-only, but for the page that is being changed (hardened
// profile, option `seal_metadata`). Once, at start.
void registry_seal(void);

// Marks [base, base + bytes) with `kind`; base is 4 MiB-aligned, bytes may end anywhere.
void registry_mark(const void *base, size_t bytes, enum registry_kind kind);

// The record behind the 4 MiB at `base`; NULL if none was set.
void *registry_record(const void *base);

// Sets the record; false when there is no memory for a radix node. Keeps the caller's old record
// then.
bool registry_set_record(const void *base, void *record);

void registry_fork_prepare(void);
void registry_fork_parent(void);
void registry_fork_child(void);

#endif
