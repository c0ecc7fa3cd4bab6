// SPDX-License-Identifier: MIT
//
// Which addresses are ours. All memory of the heap begins with a span, at a multiple of 4 MiB:
//
//   4 MiB            4 MiB                          4 MiB
//   +------+--------------+                         +------+-------------------------- - -
//   | span | blocks       |     somebody else's     | span | one large object
//   +------+--------------+                         +------+-------------------------- - -
//
// So the span of an object is found by clearing the last 22 bits of its address. An object never
// begins at its own span, but a large one may begin at the next multiple of 4 MiB: that is why one
// is subtracted first.
//
// Any thread, any time.

#ifndef TINY_REGISTRY_H
#define TINY_REGISTRY_H

#include <stddef.h>

#define SPAN_BYTES ((size_t)4 << 20)

enum span_kind {
    SPAN_SUPERBLOCK = 1,
    SPAN_LARGE,
};

struct span {
    enum span_kind kind;
};

// The span of an object that begins at `p`; NULL when `p` is not ours.
struct span *registry_find(const void *p);

// From now on, and no longer.
void registry_add(const struct span *span);
void registry_remove(const struct span *span);

#endif
