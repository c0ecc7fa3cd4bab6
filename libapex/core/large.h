// SPDX-License-Identifier: MIT
//
// Objects of more than 1 MiB: each a mapping of its own, 4 MiB-aligned so that the registry finds
// it, with a record out of line. Freed mappings wait in a cache, bounded in bytes and number, for
// the next request; what is too large is split, and what is too small grows by mremap, so that the
// pages that are there are used again whatever the sizes. Hardened: they wait inaccessible, serve
// nobody before others have been freed after them, and when the cache is full they stay for a while
// as address space without pages. Any thread; one lock, held for list work only, not across system
// calls.
//
// Invariants
//   L1  The registry says LARGE for the first slot and LARGE_REST for the others from before the
//       pointer is handed out until the mapping is gone, so a second free finds the record and its
//       state.
//   L2  A record is never given back to the metadata arena: a racing reader sees an old one, not
//       garbage.

#ifndef APEX_CORE_LARGE_H
#define APEX_CORE_LARGE_H

#include "base/list.h"
#include "core/geometry.h"

#include "os/os_place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum large_mode {
    LARGE_TOUCH = 0,  // whoever touches a page first has it on its own node
    LARGE_PREFER,     // pages come from `home`
    LARGE_INTERLEAVE, // from several nodes in turn
};

// Where the pages of a mapping come from; decided by policy.
struct large_place {
    enum large_mode mode;
    uint8_t home; // index of the node that the pages are expected on (policy/numa.h)
    uint64_t key; // tells sets of nodes apart
    const struct os_nodes *nodes; // for those that are to be bound; valid during the call
};

enum large_state {
    LARGE_SPARE = 0, // a record without a mapping
    LARGE_LIVE,
    LARGE_CACHED, // freed
    LARGE_BUSY,   // being unmapped or resized by one thread
};

struct large {
    char *base;          // of the mapping, and the address malloc returned
    size_t usable_bytes; // whole pages, all of the mapping; atomic, as is the base
    size_t size;         // what was asked for, and
    uint8_t kind;        // how (core/seal.h); the hardened profile's
    uint32_t state;      // enum large_state; atomic, and CACHED only changes under the lock
    uint64_t freed_ns;   // when it entered the cache
    uint32_t map_row;    // its row in the map (core/heapmap.h), while there is a mapping
    struct list link;    // cache, oldest last; or spare records
    size_t resident_bytes; // as last looked at, or all of it; atomic
    struct large *next_made; // all records, whatever their state; immutable
    uint64_t place_key;      // of struct large_place, as the mapping is bound; and
    uint8_t place_mode;      // enum large_mode; atomic, as the next
    uint8_t place_home;
};

// How much freed memory the cache may hold; decided by policy.
struct large_bounds {
    size_t cached_bytes_max;
    bool lazy; // what is cached is marked for the kernel to take when it wants
    uint64_t now_ns;
};

// `bytes` at least 1, `align` any power of two; 4 MiB at least are given. `zeroed` says whether the
// memory is known to read as zero. Of the cache it takes only what is bound as `place` wants it:
// the pages that are there would stay where they are. When the kernel will not bind it, the mapping
// is as if LARGE_TOUCH had been asked for. NULL when there is no memory.
struct large *large_alloc(size_t bytes, size_t align, const struct large_place *place,
                          bool *zeroed);

// The record of the object that starts at exactly `p`, whatever its state; NULL when none does.
struct large *large_find(const void *p);

// Takes an object out of the state LIVE; false when somebody else has done so: a double free.
bool large_claim(struct large *large);

// Puts a claimed object into the cache, or unmaps it. Then shrinks the cache to its bounds.
void large_free(struct large *large, const struct large_bounds *bounds);

// Resizes a claimed object to `bytes`, moving its pages, not copying. The object is LIVE again
// afterwards, and unchanged on failure: no memory, or a mapping that the program has split by
// mprotect or madvise of a part, which has to be copied. What has grown is bound as `place` wants
// it, which decides about pages to come. Returns its address, which may be new, or NULL.
void *large_resize(struct large *large, size_t bytes, const struct large_place *place);

// Unmaps what was freed before `before_ns`, oldest first, until at most `keep_bytes` are cached.
// Returns bytes given back.
size_t large_trim(size_t keep_bytes, uint64_t before_ns);

// Unmaps those of the cache that `away` tells. Returns bytes given back. Calls it without the lock,
// for a mapping that nobody else touches meanwhile.
size_t large_expel(bool (*away)(const struct large *large));

size_t large_cached_bytes(void);

// Bytes of large objects that are in core, live or cached: what is new counts as touched until
// large_look() has asked the kernel about it.
uint64_t large_resident_bytes(void);

// Asks about the next 4 MiB, of all objects in turn. False at the end of a turn. One thread at a
// time.
bool large_look(void);

// The record that was made before `large`, or for NULL the newest; NULL when there is none. For
// those who look at all: the fields may change at any moment.
struct large *large_next(const struct large *large);

void large_fork_prepare(void);
void large_fork_parent(void);
void large_fork_child(void);

#endif
